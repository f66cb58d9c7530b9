# Safe mode's way from inputs to records: no dose windows, questions or panel, nothing that crashed
# before.
from dispenser import wire
from dispenser.access import Access
from dispenser.inputs import BEAMS, BUTTONS, LID


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
