# Time since boot and time of day. Seconds (since 2024-01-01 UTC, or since boot) and milliseconds
# are kept apart, so that all stays in 31 bits; ticks wrap every 2**30 ms and may be half of that
# old. Takes the ticks functions of module time as an argument.
from micropython import const

from dispenser import wire

_STEP_MS = const(200)
_MOST_S = const(1000000)  # 11 days: ms of more do not fit 31 bits


class Clock:
    def __init__(self, ticks):
        self._ticks = ticks
        self._last = self.started = ticks.ticks_ms()
        self._up = (0, 0)  # uptime at tick `_last`
        self._base = (0, 0)  # time of day at uptime 0
        self.quality = wire.QUALITY_UPTIME

    def ticks(self):
        return self._ticks.ticks_ms()

    def pump(self):
        # must be called every few days, or ticks wrap unseen
        now = self._ticks.ticks_ms()
        self._up = _carry(self._up[0], self._up[1] + self._ticks.ticks_diff(now, self._last))
        self._last = now
        return now

    def uptime(self, tick=None):
        # (s, ms) since boot, now or at a tick of the past
        if tick is None:
            tick = self.pump()
        s, ms = _carry(self._up[0], self._up[1] + self._ticks.ticks_diff(tick, self._last))
        return (s, ms) if s >= 0 else (0, 0)

    def time(self, tick=None):
        # (s, ms) of the day, or since boot
        s, ms = self.uptime(tick)
        return _carry(s + self._base[0], ms + self._base[1])

    def stamp(self, tick, mode):
        # the time fields of a record
        s, ms = self.time(tick)
        return s, self.quality << 14 | mode << 12 | ms

    def set(self, tick, s, ms, quality):
        # it was s, ms at that tick
        up_s, up_ms = self.uptime(tick)
        self._base = _carry(s - up_s, ms - up_ms)
        self.quality = quality

    def sync(self, s, ms):
        # it is s, ms now: values of TIME_SET up to the new time, None if that changes little
        tick = self.pump()
        up, old, quality = self.uptime(tick), self.time(tick), self.quality
        self.set(tick, s, ms, wire.QUALITY_SYNCED)
        if quality == wire.QUALITY_SYNCED and _near(old, (s, ms)):
            return None
        return up + old + (quality, s, ms)


def elapsed_s(since, now):
    # whole seconds between two uptimes
    return now[0] - since[0] - (now[1] < since[1])


def elapsed_ms(since, now):
    # ms between two uptimes, never above 11 days
    s = now[0] - since[0]
    return (s if s < _MOST_S else _MOST_S) * 1000 + now[1] - since[1]


def _carry(s, ms):
    return s + ms // 1000, ms % 1000


def _near(a, b):
    s = a[0] - b[0]
    return -2 < s < 2 and -_STEP_MS <= s * 1000 + a[1] - b[1] <= _STEP_MS
