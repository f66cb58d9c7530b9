# Who is at the dispenser: the patient, somebody who refills it, a technician, a bench. A refill
# begins with the service button and ends with it, or by itself; a host sets the other two.
from micropython import const

from dispenser import codes, wire
from dispenser.clock import elapsed_ms

_REFILL_S = const(600)
_CLOSED_S = const(60)  # after the lid was closed


class Modes:
    # `emit(type, values, tick)` without the settings version; `access` knows lid and compartments
    def __init__(self, uptime, emit, access):
        self._uptime = uptime
        self._emit = emit
        self._access = access
        self._began = None
        self._closed = None  # uptime at which the lid was closed in a refill
        self._lasts = 0  # s, of technician and bench
        self.mode = wire.MODE_PATIENT

    def button(self, tick):
        # the service button
        if self.mode == wire.MODE_REFILL:
            self._end(codes.REFILL_BY_BUTTON, tick)
        elif self.mode == wire.MODE_PATIENT:
            self._set(wire.MODE_REFILL)
            self._tell(codes.REFILL_STARTED, codes.REFILL_BY_BUTTON, tick)

    def lid(self, tick, active):
        # after the record of it
        self._closed = None if active else self._uptime(tick)

    def enter(self, mode, minutes):
        # for a host: technician or bench for so long; patient at once
        if self.mode == wire.MODE_REFILL:
            self._end(codes.REFILL_BY_BUTTON, None)
        self._set(mode)
        self._lasts = minutes * 60

    def step(self):
        # ms until the next step is due, None if only an event can bring one
        if self.mode == wire.MODE_PATIENT:
            return None
        now = self._uptime()
        limit = _REFILL_S if self.mode == wire.MODE_REFILL else self._lasts
        left = limit * 1000 - elapsed_ms(self._began, now)
        closed = left
        if self.mode == wire.MODE_REFILL and self._closed:
            closed = _CLOSED_S * 1000 - elapsed_ms(self._closed, now)
        if left <= 0:
            self._over(codes.REFILL_BY_TIMEOUT)
        elif closed <= 0:
            self._over(codes.REFILL_BY_LID_CLOSED)
        else:
            return min(left, closed)
        return None

    def _over(self, cause):
        if self.mode == wire.MODE_REFILL:
            self._end(cause, None)
        else:
            self._set(wire.MODE_PATIENT)

    def _set(self, mode):
        self.mode = mode
        self._began = self._uptime()
        self._closed = None
        self._access.watching = mode == wire.MODE_PATIENT

    def _end(self, cause, tick):
        # the last record of a refill is of its mode
        self._tell(codes.REFILL_ENDED, cause, tick)
        self._set(wire.MODE_PATIENT)

    def _tell(self, action, cause, tick):
        self._emit(wire.REFILL, (action, cause, self._reached()), tick)

    def _reached(self):
        return self._access.reached
