# The panel with lights and buzzer of its own. Runs every check_* and prints its name; an assert
# ends it.
from dispenser.panel import Panel
from dispenser.patterns import COMPARTMENTS, LIGHTS, QUESTIONS, STATUS, VOLUMES
from mp_ticks import PERIOD, Ticks


class Lights:
    def __init__(self):
        self.pixels = bytes(3 * LIGHTS)
        self.writes = 0

    def show(self, pixels):
        self.pixels = bytes(pixels)
        self.writes += 1

    def level(self, light):
        return max(self.pixels[3 * light : 3 * light + 3])


class Buzzer:
    def __init__(self):
        self.tones = []

    def tone(self, hz, duty):
        self.tones.append((hz, duty))


class Rig:
    def __init__(self):
        self.ticks = Ticks(PERIOD - 700)
        self.start = self.ticks.ms
        self.lights = Lights()
        self.buzzer = Buzzer()
        self.woken = 0
        self.panel = Panel(self.ticks, self.lights, self.buzzer, self.wake)
        self.panel.state("starting", False)

    def wake(self):
        self.woken += 1

    def run(self, ms):
        # (ms, lit) at each change of the status light, as the task would look
        end = self.ticks.ms + ms
        changes = []
        while self.ticks.ms < end:
            wait = self.panel.step()
            lit = self.lights.level(STATUS[0]) > 0
            if not changes or changes[-1][1] != lit:
                changes.append((self.ticks.ms - self.start, lit))
            self.ticks.ms += min(1000 if wait is None else max(wait, 1), end - self.ticks.ms)
        return changes


def check_a_press_is_answered_at_once():
    rig = Rig()
    rig.panel.pressed()
    assert rig.lights.level(STATUS[0]) and not rig.buzzer.tones
    assert rig.run(1000) == [(0, True), (400, False)]


def check_noted_is_two_flashes_and_a_tone():
    rig = Rig()
    rig.panel.pressed()
    rig.panel.noted()
    assert rig.buzzer.tones == [(880, VOLUMES[2])]
    assert rig.run(1000) == [(0, True), (200, False), (400, True), (600, False)]
    assert rig.buzzer.tones == [(880, VOLUMES[2]), (0, 0)]


def check_delivered_waits_for_noted():
    rig = Rig()
    rig.panel.noted()
    rig.panel.delivered()
    changes = rig.run(3500)
    assert changes[:4] == [(0, True), (200, False), (400, True), (600, False)]
    assert changes[4:] == [(800, True), (2300, False)]


def check_what_waits_to_be_told_is_not_told_of_a_later_press():
    for later in ("delivered", "seen"):
        rig = Rig()
        rig.panel.noted()
        rig.run(500)
        getattr(rig.panel, later)()
        rig.run(100)
        rig.panel.pressed()
        rig.panel.noted()
        assert rig.run(5000) == [(600, True), (800, False), (1000, True), (1200, False)], later


def check_the_worst_state_is_shown():
    rig = Rig()
    shown = []
    rising = ["connected", "offline", "battery", "unreached", "low_battery", "technician"]
    rising.append("service")
    for name in rising:
        rig.panel.state(name, True)
        shown.append(rig.panel.pattern(STATUS[0]))
    assert shown == rising
    rig.panel.state("connected", True)
    assert rig.woken == 8, "a state that was so before wakes nobody"
    rig.panel.pressed()
    assert rig.panel.pattern(STATUS[0]) == "pressed"


def check_rhythm_of_a_state():
    rig = Rig()
    rig.panel.state("battery", True)
    turn = [(0, True), (200, False), (500, True), (700, False)]
    again = [(ms + 15000, lit) for ms, lit in turn]
    assert rig.run(30000) == turn + again
    assert rig.lights.writes == 8, "only changes are sent"


def check_what_is_asked_for_has_its_place():
    rig = Rig()
    rig.panel.ask(0b1001, 2, False)
    rig.panel.step()
    lit = [light for light in range(LIGHTS) if rig.lights.level(light)]
    assert lit == [COMPARTMENTS[0], COMPARTMENTS[3], QUESTIONS[1]]
    rig.panel.ask(0, 0, False)
    assert rig.panel.step() is None and not any(rig.lights.pixels)


def check_quiet_hours_are_dim_and_silent():
    rig = Rig()
    rig.panel.ask(1, 0, False)
    rig.panel.step()
    bright = rig.lights.level(0)
    rig.panel.ask(1, 0, True)
    rig.panel.chime()
    rig.panel.noted()
    rig.run(1000)
    rig.panel.step()
    assert 0 < rig.lights.level(STATUS[0]) < bright // 4 or rig.lights.level(0) < bright // 4
    assert not rig.buzzer.tones


def check_chime_and_volume():
    rig = Rig()
    rig.panel.volume(1)
    rig.panel.chime()
    rig.run(3000)
    tones = [(660, VOLUMES[1]), (0, 0), (880, VOLUMES[1]), (0, 0), (1100, VOLUMES[1]), (0, 0)]
    assert rig.buzzer.tones == tones
    rig.panel.volume(0)
    rig.panel.chime()
    rig.run(3000)
    assert rig.buzzer.tones == tones, "silent"


def check_a_refill_lights_all_compartments():
    rig = Rig()
    rig.panel.state("refill", True)
    rig.panel.step()
    assert [light for light in range(LIGHTS) if rig.lights.level(light)] == list(COMPARTMENTS)


for name in sorted(globals()):
    if name.startswith("check_"):
        globals()[name]()
        print(name)
