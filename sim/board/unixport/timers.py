# machine.Timer: soft timers. A thread of the launcher schedules `_tick` when the next one is due,
# so callbacks also run in busy loops and while the REPL waits for input, as on the chip.
from os import getenv

import bus
import utime

_active = []


class Timer:
    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1, *, mode=PERIODIC, freq=-1, period=-1, callback=None, hard=False):
        if id != -1:
            raise ValueError("Timer doesn't exist")
        if period != -1 or freq != -1:
            self.init(mode=mode, freq=freq, period=period, callback=callback, hard=hard)

    def init(self, *, mode=PERIODIC, freq=-1, period=-1, callback=None, hard=False):
        self.deinit()
        self._us = 1000000 // freq if freq != -1 else period * 1000
        if self._us < 1:
            raise ValueError("invalid freq or period")
        self._mode = mode
        self._callback = callback
        self._hard = hard
        self._due = utime.ticks_us() + self._us
        _active.append(self)
        _arm()

    def deinit(self):
        if self in _active:
            _active.remove(self)

    def _run(self):
        if self._mode == Timer.ONE_SHOT:
            self.deinit()
        self._due = max(self._due + self._us, utime.ticks_us())
        if self._callback and not bus.call(self._callback, self, self._hard):
            self.deinit()


def _tick(_):
    if bus.halted:
        return
    for timer in list(_active):
        if timer in _active and timer._due <= utime.ticks_us():
            timer._run()
    _arm()


def _arm():
    # the launcher schedules _tick by its address; delay -1 = nothing to do
    delay = min(timer._due for timer in _active) - utime.ticks_us() if _active else -1
    getenv("\x01timer %d %d" % (id(_tick), max(delay, 0) if _active else -1))
