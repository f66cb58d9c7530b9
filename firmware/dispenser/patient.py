# All that is about the patient: takes what the inputs tell and the passing of time, and writes
# records. Joins accesses, modes, dose windows, questions and the panel. In safe mode Plain does
# it: no dose windows, questions or panel, nothing that crashed before.
from micropython import const

from dispenser import wire
from dispenser.access import Access
from dispenser.clock import elapsed_ms
from dispenser.inputs import BEAMS, BUTTONS, LID, NONE, SERVICE
from dispenser.modes import Modes
from dispenser.panel import Delivery
from dispenser.prompts import Prompts
from dispenser.regimen import Regimen

_STEP_S = const(300)  # a clock that was so wrong did not watch the dose windows


class Patient:
    # `clock` as dispenser.clock; `records` has patient(type, values, tick), state(values, tick),
    # housekeeping(type, values), mode and next(); `panel` as dispenser.panel; `watermark()` tells
    # the first seq that is not stored at the clinic's side, 0 if nobody has said so yet, `seen()`
    # likewise the first one that nobody there has seen
    def __init__(self, clock, settings, records, panel, watermark, seen):
        self._clock = clock
        self._settings = settings
        self._records = records
        self._panel = panel
        uptime = clock.uptime
        self._access = Access(uptime, self._told)
        self.modes = Modes(uptime, self._emit, self._access)
        self.regimen = Regimen(settings, self._emit)
        self.prompts = Prompts(settings, uptime, records.next, self._emit)
        self._delivery = Delivery(uptime)
        self._watermark = watermark
        self._seen = seen
        self._stored = None
        self._happened = True
        self._look = (0, 0)  # uptime of the next look around, unless something happens
        panel.volume(settings.volume)
        self._chimes = 0

    def use(self, settings):
        # new settings, already recorded
        self._happened = True
        self._settings = settings
        self.regimen.use(settings)
        self.prompts.use(settings)
        self._panel.volume(settings.volume)

    def recall(self, kind, values, time):
        # a record of an earlier boot, the oldest first
        self.regimen.recall(kind, values, time)
        self.prompts.recall(kind, values, time)

    def clock_set(self, values):
        # `values` of TIME_SET up to the new time
        self._happened = True
        if values[4] != wire.QUALITY_UPTIME and abs(values[5] - values[2]) > _STEP_S:
            self.regimen.disturbed()

    def power(self, battery, low):
        # for the panel: without USB power; the battery nearly empty
        self._panel.state("battery", battery)
        self._panel.state("low_battery", low)

    def enter(self, mode, minutes):
        # technician or bench, set by a host
        self._happened = True
        self.modes.enter(mode, minutes)
        self._set_mode()

    # ---- what the inputs tell ----------------------------------------------------------------

    def felt(self, index):
        # debounced, not yet recorded
        self._panel.pressed()

    def state(self, mask, tick):
        self._records.state((self._settings.version, mask), tick)
        self._access.state(mask)

    def change(self, tick, index, active):
        self._happened = True
        if index == LID or index in BEAMS:
            self._access.change(tick, index, active)
            if index == LID:
                self.modes.lid(tick, active)
        elif active and index == SERVICE:
            self.modes.button(tick)
        elif active and self.prompts.press(tick, index - BUTTONS[0]):
            self._panel.noted()
            self._delivery.answered(self._records.next() - 1)

    def fault(self, kind, index, value):
        self._records.housekeeping(wire.FAULT, (kind, index, value))

    def tamper(self, kind, index=NONE):
        self._records.housekeeping(wire.TAMPER, (kind, index))

    # ---- time --------------------------------------------------------------------------------

    def step(self):
        # after the inputs have told what they have to tell; ms until the next step is due
        mode = self.modes.mode
        wait = least(self.modes.step(), self._access.step())
        self._set_mode()
        stored = (self._watermark(), self._seen())
        left = elapsed_ms(self._clock.uptime(), self._look)
        if not self._happened and left > 0 and (mode, stored) == (self.modes.mode, self._stored):
            return least(wait, left)
        self._happened = False
        self._stored = stored
        left = least(self._look_around(), self._next_look())
        up = self._clock.uptime()
        self._look = (up[0], up[1] + left)
        return least(wait, left)

    def _look_around(self):
        # windows, questions, delivery and what is shown of them; ms until a question wants more
        now = self._now(None)
        asking = self.modes.mode == wire.MODE_PATIENT
        self.regimen.step(now, asking)
        if self.modes.mode > wire.MODE_REFILL:
            self.regimen.disturbed()  # nobody could take anything
        self.prompts.step(now, asking and not self._access.open)
        if self._delivery.step(self._watermark(), self._records.next()):
            self._panel.delivered()
        if self._delivery.seen(self._seen()):
            self._panel.seen()
        self._show()
        return self.prompts.wait()

    def _next_look(self):
        # windows, quiet hours and set times begin and end with a minute
        s, ms = self._clock.time()
        left = 60 - s % 60
        if self.regimen.due is not None:
            left = min(left, max(self.regimen.due - s, 1))
        return left * 1000 - ms

    def _show(self):
        panel, regimen = self._panel, self.regimen
        panel.ask(regimen.lit, self.prompts.question(), regimen.quiet)
        panel.state("refill", self.modes.mode == wire.MODE_REFILL)
        panel.state("technician", self.modes.mode > wire.MODE_REFILL)
        panel.state("unreached", self._delivery.overdue(self._settings.silence))
        if regimen.chimes != self._chimes:
            self._chimes = regimen.chimes
            panel.chime()

    # ---- records -----------------------------------------------------------------------------

    def _told(self, kind, values, tick):
        # an access gets its relation to the dose windows when it begins
        if kind == wire.DOSE:
            values += self._relation(values[0], tick)
        self._emit(kind, values, tick)
        if kind == wire.DOSE and self.modes.mode == wire.MODE_PATIENT:
            self.prompts.dose()

    def _relation(self, compartment, tick):
        if self.modes.mode != wire.MODE_PATIENT:
            return 0, 0
        return self.regimen.access(compartment, self._now(tick))

    def _emit(self, kind, values, tick):
        if tick is None:
            tick = self._clock.ticks()
        self._set_mode()
        self._records.patient(kind, (self._settings.version,) + values, tick)

    def _now(self, tick):
        # s of the day, None if nobody knows
        if self._clock.quality == wire.QUALITY_UPTIME:
            return None
        return self._clock.time(tick)[0]

    def _set_mode(self):
        self._records.mode = self.modes.mode


def least(a, b):
    # of two waits, None for none
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


class Plain:
    # `version` is that of the settings in force
    def __init__(self, uptime, version, records):
        self._version = version
        self._records = records
        self._access = Access(uptime, self._told)
        self._access.watching = False

    def felt(self, index):
        pass

    def state(self, mask, tick):
        self._records.state((self._version, mask), tick)
        self._access.state(mask)

    def change(self, tick, index, active):
        if index == LID or index in BEAMS:
            self._access.change(tick, index, active)
        elif active and index in BUTTONS:
            self._told(wire.RESPONSE, (index - BUTTONS[0], 0, 0, 0), tick)

    def fault(self, kind, index, value):
        self._records.housekeeping(wire.FAULT, (kind, index, value))

    def tamper(self, kind, index=255):
        self._records.housekeeping(wire.TAMPER, (kind, index))

    def use(self, settings):
        self._version = settings.version

    def clock_set(self, values):
        pass

    def enter(self, mode, minutes):
        pass

    def step(self):
        return self._access.step()

    def _told(self, kind, values, tick):
        if kind == wire.DOSE:
            values += (0, 0)
        self._records.patient(kind, (self._version,) + values, tick)
