# Fills the journal of a board that is off, until its oldest records have made room for new ones.
# Runs under MicroPython with the test worlds on the path. Arguments: flash image, EEPROM image.
# Out: first seq held, next seq
import sys
import vfs

from mp_worlds import ROOT, Eeprom, Flash, Power, open_journal

_UNKNOWN = 0x7E
_GONE = 500


def load(path):
    with open(path, "rb") as file:
        return bytearray(file.read())


def save(path, image):
    with open(path, "wb") as file:
        file.write(image)


flash, cells = load(sys.argv[1]), load(sys.argv[2])
vfs.mount(vfs.VfsLfs2(Flash(flash, Power()), progsize=256), ROOT)
journal, _ = open_journal(ROOT + "/journal", Eeprom(cells, Power()), (486, 4096, 160))
while journal.first < _GONE:
    journal.append(1, 0, 0, _UNKNOWN, bytes(42))
vfs.umount(ROOT)
save(sys.argv[1], flash)
save(sys.argv[2], cells)
print(journal.first, journal.next)
