# Plays scenarios of edges into Inputs with a clock of its own. In: JSON list of {"start": [active
# inputs], "edges": [[ms, input, active]], "late": ms between looks or 0}. Out: JSON list of lists
# of [type, values, ms]; ticks wrap in the middle of every scenario.
import json
import sys

from dispenser.inputs import Inputs

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
    # beams are dark, hence active, unless lit
    def __init__(self, world, index):
        self.world = world
        self.index = index
        self.pressed = False
        self.kept = []

    def active(self):
        return self.pressed or (1 <= self.index <= 4 and not self.world.lit)

    def edges(self):
        kept, self.kept = self.kept, []
        return iter(kept)


class World:
    def __init__(self):
        self.ticks = Ticks()
        self.lit = False
        self.latches = [Latch(self, index) for index in range(11)]
        self.told = []

    def supply(self, on):
        before = [latch.active() for latch in self.latches]
        self.lit = bool(on)
        for latch, was in zip(self.latches, before):
            self.note(latch, was)

    def note(self, latch, was):
        if latch.active() != was:
            latch.kept.append((self.ticks.ticks_ms(), latch.active()))

    def set(self, index, active):
        latch = self.latches[index]
        was = latch.active()
        latch.pressed = active
        self.note(latch, was)

    def uptime(self, tick):
        ms = self.ticks.ms_of(tick)
        return ms // 1000, ms % 1000

    def emit(self, kind, values, tick):
        self.told.append([kind, list(values), self.ticks.ms_of(tick)])


def play(scenario):
    world = World()
    for index in scenario["start"]:
        world.set(index, True)
    parts = (HOLDS, world.supply, world.uptime, world.emit)
    inputs = Inputs(world.ticks, world.latches, *parts)
    inputs.start()
    look = 0
    for ms, index, active in scenario["edges"] + [[20000, None, None]]:
        look = advance(world, inputs, look, ms, scenario.get("late", 0))
        if index is not None:
            world.set(index, active)
            look = ms if not scenario.get("late") else max(look, ms)
    return world.told


def advance(world, inputs, look, until, late):
    # the task looks at each edge and at each deadline, or only every `late` ms
    while look is not None and look <= until:
        world.ticks.now = look
        wait = inputs.step()
        look = None if wait is None else look + max(wait, late, 1)
    world.ticks.now = until
    return until if look is None else look


print(json.dumps([play(scenario) for scenario in json.loads(sys.stdin.read())]))
