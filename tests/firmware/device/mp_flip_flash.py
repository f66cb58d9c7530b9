# Flips a bit in each n-th byte of the flash (metadata of littlefs too), starts, looks through the
# journal, writes a record. One JSON line a flip. Arguments: step, offset. MicroPython only.
import json
import struct
import sys
import vfs
from binascii import unhexlify

from dispenser import wire
from dispenser.chain import Chain
from dispenser.journal import Journal
from dispenser.keystore import KeyStore
from dispenser.reader import Verifier
from mp_worlds import BLOCK, CELLS, EPOCH, ROOT, ROOT_KEY, Eeprom, Flash, Guard, Power
from mp_worlds import dump, open_journal

LIMITS = (300, 1100, 20)
BLOCKS = 32
COUNT = 60


def mount(image):
    vfs.mount(vfs.VfsLfs2(Flash(image, Power()), progsize=256), ROOT)


def append(journal, label):
    journal.append(1, label, 0, 0x7E, struct.pack(">L", label) + bytes(label * 13 % 37))


def prepare():
    image, cells = bytearray(b"\xff" * BLOCK * BLOCKS), bytearray(b"\xff" * CELLS)
    vfs.VfsLfs2.mkfs(Flash(image, Power()), progsize=256)
    mount(image)
    store = KeyStore(Eeprom(cells, Power()))
    store.save(EPOCH, 0, ROOT_KEY)
    journal = Journal(ROOT + "/journal", Chain(store, EPOCH, 0, ROOT_KEY), Guard(), LIMITS)
    journal.create()
    for label in range(COUNT):
        append(journal, label)
    true = split(dump(journal))
    vfs.umount(ROOT)
    return image, cells, true


def split(parts):
    # seq -> bytes
    found = {}
    for _, blob in parts:
        blob = unhexlify(blob)
        at = 0
        while at < len(blob):
            size = 22 + blob[at + 13]
            found[struct.unpack_from(">L", blob, at)[0]] = blob[at : at + size]
            at += size
    return found


def gaps(found):
    told = []
    for raw in found.values():
        if raw[12] == wire.GAP:
            told.append(list(wire.unpack(wire.DATA[wire.GAP], raw, 14)[0]))
    return told


def look_through(journal):
    verifier = Verifier(journal)
    while not verifier.done:
        verifier.step()


def restart(image, cells, true):
    journal, found = open_journal(ROOT + "/journal", Eeprom(cells, Power()), LIMITS)
    told = {"found": found}
    if found:
        if journal.damaged():
            journal.tell(1, 0, 0)
        look_through(journal)
        append(journal, 1000)
        look_through(journal)  # what is told is not told again
        append(journal, 1001)
        held = split(dump(journal))
        told["lost"] = [seq for seq in true if held.get(seq) != true[seq]]
        told["new"] = [seq for seq in held if seq not in true]
        told["gaps"] = gaps(held)
    return told


def flip(image, cells, true, at):
    image, cells = bytearray(image), bytearray(cells)
    image[at] ^= 1 << at % 8
    told = {"mounted": True}
    try:
        mount(image)
    except OSError:
        told["mounted"] = False
    if told["mounted"]:
        told.update(restart(image, cells, true))
        vfs.umount(ROOT)
    told["at"] = at
    print(json.dumps(told))


def main():
    image, cells, true = prepare()
    for at in range(int(sys.argv[2]), len(image), int(sys.argv[1])):
        if image[at] != 0xFF or at % 4 == 1:
            flip(image, cells, true, at)


main()
