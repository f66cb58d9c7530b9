# A journal of full size on a flash of full size: how long a start and an append take. Arguments:
# firmware's test worlds are on the path; erase time in ms. Out: JSON, times in us
import json
import sys
import time
import vfs

from dispenser.chain import Chain
from dispenser.journal import Journal
from dispenser.keystore import KeyStore
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


class Slow(Flash):
    # as the W25Q16: an erase takes its time, a page 0.4 ms
    erase_ms = 0
    read = busy = 0

    def readblocks(self, block, buffer, offset=0):
        # what this stand-in costs is not the board's: there a read is a copy
        start = time.ticks_us()
        self.read += len(buffer)
        super().readblocks(block, buffer, offset)
        self.busy += time.ticks_us() - start

    def writeblocks(self, block, buffer, offset=0):
        if self.erase_ms:
            time.sleep_us(400 * (len(buffer) // 256))
        return super().writeblocks(block, buffer, offset)

    def ioctl(self, request, argument):
        if request == 6 and self.erase_ms:
            time.sleep_ms(self.erase_ms)
        return super().ioctl(request, argument)


flash = Slow(bytearray(b"\xff" * BLOCK * 352), Power())
vfs.VfsLfs2.mkfs(flash, progsize=256)
vfs.mount(vfs.VfsLfs2(flash, progsize=256), ROOT)
cells = bytearray(b"\xff" * CELLS)
store = KeyStore(Eeprom(cells, Power()))
store.save(EPOCH, 0, ROOT_KEY)
journal = Journal(ROOT + "/journal", Chain(store, EPOCH, 0, ROOT_KEY), Guard())
journal.create()
while not journal.first:
    journal.append(1, 0, 0, 0x7E, bytes(42))
best = None
for _ in range(3):
    vfs.umount(ROOT)
    flash.read = flash.busy = 0
    start = time.ticks_us()
    vfs.mount(vfs.VfsLfs2(flash, progsize=256), ROOT)
    journal, _ = open_journal(ROOT + "/journal", Eeprom(cells, Power()), (486, 4096, 160))
    took = time.ticks_us() - start - flash.busy
    best = took if best is None else min(best, took)
told = {"start": best, "read": flash.read, "held": journal.next - journal.first}
flash.erase_ms = int(sys.argv[1])
taken = []
for _ in range(400):
    start = time.ticks_us()
    journal.append(1, 0, 0, 0x7E, bytes(5))
    taken.append(time.ticks_us() - start)
told["appends"] = taken
print(json.dumps(told))
