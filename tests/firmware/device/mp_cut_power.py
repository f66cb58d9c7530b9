# Cuts the power at each operation of a workload, starts again, finishes the workload, tells all.
# One JSON line a cut: labels acknowledged before it, what was held right after, and at the end.
import json
import struct
import sys
import vfs

from dispenser import wire
from dispenser.chain import Chain
from dispenser.journal import Journal
from dispenser.keystore import KeyStore
from mp_worlds import CELLS, BLOCK, EPOCH, ROOT, ROOT_KEY, Eeprom, Flash, Guard, Power, PowerCut
from mp_worlds import dump, open_journal

LIMITS = (300, 1100, 2)
KIND = 0x7E
BEFORE = int(sys.argv[1])
WORK = int(sys.argv[2])
BLOCKS = 48


def data(label):
    return struct.pack(">L", label) + bytes(label * 13 % 37)


def mount(image, power):
    vfs.mount(vfs.VfsLfs2(Flash(image, power), progsize=256), ROOT)


def work(journal, boot, first, last, acked):
    for label in range(first, last):
        journal.append(boot, label, 0, KIND, data(label))
        acked.append(label)


def prepare():
    image, cells = bytearray(b"\xff" * BLOCK * BLOCKS), bytearray(b"\xff" * CELLS)
    power = Power()
    vfs.VfsLfs2.mkfs(Flash(image, power), progsize=256)
    mount(image, power)
    store = KeyStore(Eeprom(cells, power))
    store.save(EPOCH, 0, ROOT_KEY)
    journal = Journal(ROOT + "/journal", Chain(store, EPOCH, 0, ROOT_KEY), Guard(), LIMITS)
    journal.create()
    values = (EPOCH, 0, wire.REASON_PROVISIONED, bytes(8))
    journal.append(0, 0, 0, wire.EPOCH, wire.pack(wire.DATA[wire.EPOCH], *values))
    work(journal, 1, 0, BEFORE, [])
    vfs.umount(ROOT)
    return image, cells


def run(image, cells, power, acked):
    try:
        mount(image, power)
        journal, _ = open_journal(ROOT + "/journal", Eeprom(cells, power), LIMITS)
        work(journal, 2, BEFORE, BEFORE + WORK, acked)
    except (OSError, PowerCut):
        if power.on:
            raise
    vfs.umount(ROOT)


def restart(image, cells, acked):
    power = Power()
    mount(image, power)
    journal, found = open_journal(ROOT + "/journal", Eeprom(cells, power), LIMITS)
    held = dump(journal)
    lost = journal.damaged()
    begun = journal.boot
    work(journal, 3, acked[-1] + 1 if acked else BEFORE, BEFORE + WORK, [])
    end = dump(journal)
    vfs.umount(ROOT)
    return {"found": found, "damaged": lost, "boot": begun, "held": held, "end": end}


def main():
    image, cells = prepare()
    whole = Power()
    run(bytearray(image), bytearray(cells), whole, [])
    print(json.dumps({"operations": whole.done}))
    for cut in range(whole.done):
        struck, torn, acked = bytearray(image), bytearray(cells), []
        run(struck, torn, Power(cut), acked)
        told = restart(struck, torn, acked)
        told["cut"], told["acked"] = cut, acked
        print(json.dumps(told))


main()
