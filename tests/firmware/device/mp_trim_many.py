# Fills a journal of full size, on a file system of full size, with the longest records until it
# trims. MicroPython only.
import json
import os
import vfs

from dispenser.chain import Chain
from dispenser.journal import Journal
from dispenser.keystore import KeyStore
from mp_worlds import CELLS, BLOCK, EPOCH, ROOT, ROOT_KEY, Eeprom, Flash, Guard, Power

flash = Flash(bytearray(b"\xff" * BLOCK * 352), Power())
vfs.VfsLfs2.mkfs(flash, progsize=256)
vfs.mount(vfs.VfsLfs2(flash, progsize=256), ROOT)
store = KeyStore(Eeprom(bytearray(b"\xff" * CELLS), Power()))
journal = Journal(ROOT + "/journal", Chain(store, EPOCH, 0, ROOT_KEY), Guard())
journal.create()
fewest = None
for label in range(10400):
    journal.append(1, label, 0, 0x7E, bytes(42))
    if journal.first:
        held = journal.next - journal.first
        fewest = held if fewest is None else min(fewest, held)
told = {"fewest": fewest, "first": journal.first, "next": journal.next}
told["free"] = os.statvfs(ROOT)[3]
print(json.dumps(told))
