# Boots of one second each, over and over, on a journal full of the patient's records. Each does at
# once what an app may do in its first second: the lid was left open, a gateway sets the clock,
# the boot before crashed. Now and then the patient presses a button. Arguments: folder, records
# before, boots, boots between presses. Out: JSON of what is held
import json
import sys

from dispenser import codes, wire
from dispenser.chain import Chain
from dispenser.clock import Clock
from dispenser.journal import Journal
from dispenser.keystore import KeyStore
from dispenser.recorder import Recorder
from mp_ticks import Ticks
from mp_worlds import CELLS, EPOCH, ROOT_KEY, Eeprom, Guard, Power

ROOT = sys.argv[1]
BEFORE, BOOTS, BETWEEN = [int(text) for text in sys.argv[2:5]]
TIME_SET = (0, 250, 0, 250, 1, 90000000, 400, 20, 1)
VERSION = (0, 1, 0)


def fill(store):
    journal = Journal(ROOT, Chain(store, EPOCH, 0, ROOT_KEY), Guard())
    journal.create()
    data = wire.pack(wire.DATA[wire.LID_OPENED], 0)
    for _ in range(BEFORE):
        journal.append(1, 0, 0, wire.LID_OPENED, data)


def boot(store, number, skipped):
    # boots that wrote nothing since the last one that did
    journal = Journal(ROOT, Chain(store, *store.load()), Guard())
    assert journal.open() and not journal.damaged()
    told = []
    reset = (wire.CAUSE_POWER, min(skipped, 65535), VERSION)
    recorder = Recorder(journal, Clock(Ticks()), reset, lambda: told.append(1), lambda: None)
    recorder.housekeeping(wire.FAULT, (codes.FAULT_CRASH, 255, 1))
    recorder.state((0, 1), 0)
    recorder.housekeeping(wire.TIME_SET, TIME_SET)
    if number % BETWEEN == BETWEEN - 1:
        recorder.patient(wire.LID_OPENED, (0,), 0)
    return 0 if told else skipped + 1


def kinds(journal):
    found, at = {}, 0
    while True:
        part = journal.read(at, 1000)
        if not part:
            return found
        blob, at = part[1], part[3]
        start = 0
        while start < len(blob):
            found[blob[start + 12]] = found.get(blob[start + 12], 0) + 1
            start += 22 + blob[start + 13]


def main():
    store = KeyStore(Eeprom(bytearray(b"\xff" * CELLS), Power()))
    store.save(EPOCH, 0, ROOT_KEY)
    fill(store)
    skipped = 0
    for number in range(BOOTS):
        skipped = boot(store, number, skipped)
    journal = Journal(ROOT, Chain(store, *store.load()), Guard())
    journal.open()
    told = {"first": journal.first, "next": journal.next, "kinds": kinds(journal)}
    print(json.dumps(told))


main()
