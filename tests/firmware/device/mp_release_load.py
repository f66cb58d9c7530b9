# A release comes in over the wire where the journal is full and a release like it is in each slot:
# what each bit of it asks of the flash. Argument: folder with the files of a release. Out: JSON
import json
import os
import sys
import vfs

from mp_transfer import Host, Restarted, manifest, transfer
from mp_worlds import (
    BLOCK,
    CELLS,
    EPOCH,
    ROOT,
    ROOT_KEY,
    Eeprom,
    Flash,
    Guard,
    Power,
    open_journal,
)

from dispenser.chain import Chain
from dispenser.journal import Journal
from dispenser.keystore import KeyStore

_UNKNOWN = 0x7E
_GONE = 500


class Counting(Flash):
    reads = pages = erases = 0

    def readblocks(self, block, buffer, offset=0):
        self.reads += 1
        super().readblocks(block, buffer, offset)

    def writeblocks(self, block, buffer, offset=0):
        self.pages += len(buffer) // 256
        return super().writeblocks(block, buffer, offset)

    def ioctl(self, request, argument):
        if request == 6:
            self.erases += 1
        return super().ioctl(request, argument)

    def counted(self):
        return self.reads, self.pages, self.erases


class Records:
    def command(self, kind, values):
        journal.append(1, 0, 0, kind, bytes(9))

    housekeeping = command


def load(folder, path=""):
    # contents by path
    found = {}
    for entry in os.ilistdir(folder + path):
        name = path + "/" + entry[0]
        if entry[1] & 0x4000:
            found.update(load(folder, name))
        else:
            with open(folder + name, "rb") as file:
                found[name[1:]] = file.read()
    return found


def install(slot, files):
    # as a cable brings it
    for folder in ("/slots", "/slots/" + slot, "/slots/%s/dispenser" % slot):
        make(ROOT + folder)
    for path, data in sorted(files.items()):
        make(ROOT + "/slots/%s/%s" % (slot, path[: path.rfind("/")] if "/" in path else ""))
        with open(ROOT + "/slots/%s/%s" % (slot, path), "wb") as file:
            file.write(data)


def make(folder):
    try:
        os.mkdir(folder.rstrip("/"))
    except OSError:
        pass


def free():
    return os.statvfs(ROOT)[3]


def note(name, work, *arguments):
    before = flash.counted()
    try:
        return work(*arguments)
    finally:
        told["bits"].append([name] + [b - a for a, b in zip(before, flash.counted())])


flash = Counting(bytearray(b"\xff" * BLOCK * 352), Power())
vfs.VfsLfs2.mkfs(flash, progsize=256)
vfs.mount(vfs.VfsLfs2(flash, progsize=256), ROOT)
files = load(sys.argv[1])
told = {"bits": [], "empty": free()}
install("a", files)
told["one"] = free()
# what lay there before had other files
install("b", {path.replace("/c", "/old_c").replace("/p", "/old_p"): files[path] for path in files})
cells = bytearray(b"\xff" * CELLS)
store = KeyStore(Eeprom(cells, Power()))
store.save(EPOCH, 0, ROOT_KEY)
journal = Journal(ROOT + "/journal", Chain(store, EPOCH, 0, ROOT_KEY), Guard())
journal.create()
while journal.first < _GONE:
    journal.append(1, 0, 0, _UNKNOWN, bytes(42))
new = {path: bytes([byte ^ 0x55 for byte in data]) for path, data in sorted(files.items())}
try:
    transfer(Host([manifest(new)] + list(new.values()), note), Records())
except Restarted:
    held = load(ROOT + "/slots/b")
    told["whole"] = all(held.get(path) == data for path, data in new.items())
told["free"] = free()
vfs.umount(ROOT)
vfs.mount(vfs.VfsLfs2(flash, progsize=256), ROOT)
before = flash.counted()
open_journal(ROOT + "/journal", Eeprom(cells, Power()), (486, 4096, 160))
told["start"] = [b - a for a, b in zip(before, flash.counted())]
print(json.dumps(told))
