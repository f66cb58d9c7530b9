# Starts of a release after a crash loop, each so many seconds long, then a power cut. Arguments:
# folder, JSON of the starts: [state of this slot or null to leave it, of the other, seconds].
# Out: JSON of the RELEASE actions in the journal, and of the states, after each start
import json
import os
import sys

from dispenser import wire
from dispenser.chain import Chain
from dispenser.clock import Clock
from dispenser.health import Upkeep
from dispenser.journal import Journal
from dispenser.keystore import KeyStore
from dispenser.recorder import Recorder
from dispenser.slots import Slots
from mp_ticks import Ticks
from mp_worlds import CELLS, EPOCH, ROOT_KEY, Eeprom, Guard, Power

ROOT, STARTS = sys.argv[1], json.loads(sys.argv[2])
LOOPS = 4  # starts that came to nothing before
ANNOUNCE_S = 60


class World:
    counter = 7
    synced = 0
    set_at = None
    worst = 0

    def usb(self):
        return True

    def battery(self):
        return 4500

    def test(self):
        return []

    def went_well(self):
        pass

    temperature = battery


def made(store):
    journal = Journal(ROOT + "/journal", Chain(store, *store.load()), Guard())
    assert journal.open() and not journal.damaged()
    ticks = Ticks()
    clock = Clock(ticks)
    reset = (wire.CAUSE_POWER, 0, (0, 2, 0))
    return ticks, clock, journal, Recorder(journal, clock, reset, lambda: None, lambda: None)


def start(store, seconds):
    ticks, clock, journal, recorder = made(store)
    world = World()
    slots = Slots(ROOT, Guard(), "b", (0, 2, 0), recorder.housekeeping, world)
    powered = lambda battery, low: None  # noqa: E731
    upkeep = Upkeep(clock, world, recorder, journal, slots, world, powered, world)
    upkeep.start()
    for second in range(seconds):
        ticks.ms = second * 1000
        if second == ANNOUNCE_S:
            recorder.announce()
        upkeep.step()


def actions(journal):
    found, at = [], 0
    while True:
        part = journal.read(at, 1000)
        if not part:
            return found
        blob, at = part[1], part[3]
        begin = 0
        while begin < len(blob):
            if blob[begin + 12] == wire.RELEASE:
                found.append(blob[begin + 14])
            begin += 22 + blob[begin + 13]


def state(name):
    try:
        with open("%s/slots/%s/state" % (ROOT, name)) as file:
            return file.read()
    except OSError:
        return ""


def put(name, text):
    if text is not None:
        with open("%s/slots/%s/state" % (ROOT, name), "w") as file:
            file.write(text)


def main():
    for name in ("", "/slots", "/slots/a", "/slots/b"):
        os.mkdir(ROOT + name)
    store = KeyStore(Eeprom(bytearray(b"\xff" * CELLS), Power()))
    store.save(EPOCH, 0, ROOT_KEY)
    journal = Journal(ROOT + "/journal", Chain(store, EPOCH, 0, ROOT_KEY), Guard())
    journal.create()
    journal.append(1, 0, 0, wire.LID_OPENED, wire.pack(wire.DATA[wire.LID_OPENED], 0))
    for _ in range(LOOPS):
        made(store)[3].announce()
    told = []
    for own, other, seconds in STARTS:
        put("b", own)
        put("a", other)
        start(store, seconds)
        told.append([actions(made(store)[2]), state("b"), state("a")])
    print(json.dumps(told))


main()
