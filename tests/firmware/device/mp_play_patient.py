# Plays scenarios of edges and of time into Inputs and Patient with a clock of its own. In: JSON
# list of {"start": [active inputs], "edges": [[ms, input, active]], "late": ms between looks or
# 0, "until": ms, "time": s of the day at 0 or null,
# "clock": [[ms, s of the day]], "settings": SETTINGS as a list, "settings_at": [[ms, SETTINGS]],
# "boots": [ms], "seen": [[ms, seq]],
# "clinic": [[ms, seq]], "pulses": [ms], "modes": [[ms, mode, minutes]]}.
# Out: JSON list of {"records": [[type, values, ms, mode]], "panel": [[ms, word]]}; ticks wrap in
# the middle of every scenario.
import json
import sys

from dispenser import wire
from dispenser.beamtest import BeamTest
from dispenser.clock import Clock
from dispenser.inputs import Inputs
from dispenser.patient import Patient, least
from dispenser.settings import DEFAULT, Settings

PERIOD = 1 << 30
ORIGIN = PERIOD - 1000
HOLDS = [50, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30]


class Ticks:
    def __init__(self):
        self.now = 0

    def ticks_ms(self):
        return (ORIGIN + self.now) % PERIOD

    def ticks_diff(self, a, b):
        return (a - b + PERIOD // 2) % PERIOD - PERIOD // 2

    def ms_of(self, tick):
        return self.now + self.ticks_diff(tick, self.ticks_ms())


class Latch:
    # beams are dark, hence active, unless lit; as many edges are kept as in the real one
    def __init__(self, world, index):
        self.world = world
        self.index = index
        self.pressed = False
        self.kept = []

    def active(self):
        return self.pressed or (1 <= self.index <= 4 and not self.world.lit)

    def edges(self):
        kept, self.kept = self.kept, []
        return iter(kept[:15])


class Records:
    def __init__(self, ticks):
        self.ticks = ticks
        self.told = []  # [type, values, ms, mode, s of the day]
        self.clock = None
        self.mode = 0

    def next(self):
        return len(self.told) + 100

    def patient(self, kind, values, tick):
        wire.pack(wire.DATA[kind], *values)
        known = self.clock.quality != wire.QUALITY_UPTIME
        when = self.clock.time(tick)[0] if known else None
        self.told.append([kind, list(values), self.ticks.ms_of(tick), self.mode, when])

    def state(self, values, tick):
        self.patient(wire.STATE, values, tick)

    def housekeeping(self, kind, values):
        self.patient(kind, values, self.ticks.ticks_ms())


class Panel:
    def __init__(self, ticks):
        self.ticks = ticks
        self.told = []
        self.asked = (0, 0, False)
        self.states = set()

    def tell(self, word):
        self.told.append([self.ticks.now, word])

    def pressed(self):
        self.tell("pressed")

    def noted(self):
        self.tell("noted")

    def delivered(self):
        self.tell("delivered")

    def seen(self):
        self.tell("seen")

    def chime(self):
        self.tell("chime")

    def volume(self, step):
        pass

    def ask(self, *asked):
        for word, old, new in zip(("lights %d", "question %d", "dim %d"), self.asked, asked):
            if old != new:
                self.tell(word % new)
        self.asked = asked

    def state(self, name, on):
        if on != (name in self.states):
            self.tell(name if on else "no " + name)
            (self.states.add if on else self.states.discard)(name)


class World:
    def __init__(self, scenario):
        self.ticks = Ticks()
        self.lit = False
        self.latches = [Latch(self, index) for index in range(11)]
        self.records = Records(self.ticks)
        self.panel = Panel(self.ticks)
        self.stored = self.acknowledged = 0
        given = scenario.get("settings")
        self.settings = Settings(tables(given)) if given else DEFAULT
        for index in scenario.get("start", ()):
            self.set(index, True)
        self.begin(scenario.get("time"))

    def boot(self):
        # the RTC goes on; what was in RAM is gone
        known = self.clock.quality != wire.QUALITY_UPTIME
        self.begin(self.clock.time()[0] if known else None)

    def begin(self, time):
        self.supply(0)
        self.clock = self.records.clock = Clock(self.ticks)
        if time is not None:
            self.clock.set(self.clock.ticks(), time, 0, wire.QUALITY_RTC)
        self.records.mode = 0
        watermark = lambda: self.stored  # noqa: E731
        seen = lambda: self.acknowledged  # noqa: E731
        self.patient = Patient(
            self.clock, self.settings, self.records, self.panel, watermark, seen
        )
        for kind, values, _, _, when in self.records.told:
            if when is not None and kind >= wire.LID_OPENED:
                self.patient.recall(kind, values, when)
        known = (self.supply, self.clock.uptime, self.patient)
        self.inputs = Inputs(self.ticks, self.latches, HOLDS, *known)
        self.tests = BeamTest(self.inputs, self.probe, self.patient)
        self.inputs.start()

    def supply(self, on):
        before = [latch.active() for latch in self.latches]
        self.lit = bool(on)
        for latch, was in zip(self.latches, before):
            self.note(latch, was)

    def probe(self):
        self.supply(1)
        mask = sum([self.latches[index].active() << index for index in range(1, 5)])
        self.supply(0)
        return mask

    def note(self, latch, was):
        if latch.active() != was:
            latch.kept.append((self.ticks.ticks_ms(), latch.active()))

    def set(self, index, active):
        latch = self.latches[index]
        was = latch.active()
        latch.pressed = active
        self.note(latch, was)

    def set_clock(self, time):
        changed = self.clock.sync(time, 0)
        if changed:
            self.patient.clock_set(changed)

    def seen(self, seq):
        self.stored = seq

    def acknowledge(self, seq):
        self.acknowledged = seq

    def pulse(self):
        self.tests.step()

    def enter(self, mode, minutes):
        self.patient.enter(mode, minutes)

    def use(self, settings):
        self.settings = Settings(tables(settings))
        self.patient.use(self.settings)

    def end(self):
        pass

    def step(self):
        wait = least(self.inputs.step(), self.patient.step())
        self.clock.pump()
        return wait


def tables(settings):
    # as wire.unpack gives them
    return settings[:7] + [[tuple(item) for item in items] for items in settings[7:]]


def happenings(scenario):
    # (ms, what, arguments) in order
    found = [(ms, "set", (index, active)) for ms, index, active in scenario.get("edges", ())]
    whats = {"clock": "set_clock", "seen": "seen", "clinic": "acknowledge", "settings_at": "use"}
    for name, what in whats.items():
        found += [(ms, what, (value,)) for ms, value in scenario.get(name, ())]
    found += [(ms, "boot", ()) for ms in scenario.get("boots", ())]
    found += [(ms, "pulse", ()) for ms in scenario.get("pulses", ())]
    found += [(ms, "enter", (mode, minutes)) for ms, mode, minutes in scenario.get("modes", ())]
    found.append((scenario.get("until", 20000), "end", ()))
    return sorted(found, key=lambda entry: entry[0])


def play(scenario):
    world = World(scenario)
    late = scenario.get("late", 0)
    look = free = 0  # when the task looks next, and when it could at the earliest
    for ms, what, arguments in happenings(scenario):
        look, free = advance(world, look, free, ms, late)
        getattr(world, what)(*arguments)
        look = max(free, ms)
    return {"records": [told[:4] for told in world.records.told], "panel": world.panel.told}


def advance(world, look, free, until, late):
    # the task looks at each edge and at each deadline, or only every `late` ms
    while look <= until:
        world.ticks.now = look
        wait = world.step()
        free = look + late
        look += max(wait, late, 1)
    world.ticks.now = until
    return look, free


print(json.dumps([play(scenario) for scenario in json.loads(sys.stdin.read())]))
