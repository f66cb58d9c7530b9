# Time since boot and time of day. Seconds (since 2024-01-01 UTC, or since boot) and milliseconds
# are kept apart, so that all stays in 31 bits; ticks wrap every 2**30 ms and may be half of that
# old. Takes the ticks functions of module time as an argument. The timekeeper keeps it and the
# battery-backed RTC together: that one tells whole seconds, its next tick after the boot gives the
# rest, and it is set so that it ticks with the true second. Records stay UTC; local time is for
# the patient's day.
from micropython import const

from dispenser import BUILT, wire

_STEP_MS = const(200)
_MOST_S = const(1000000)  # 11 days: ms of more do not fit 31 bits
_DAY = const(86400)
_LOOK_MS = const(10)
_LOOKS = const(120)
_BIAS = const(1440)  # of a zone: minutes west of UTC are no negative numbers


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


def local(zone, utc):
    # a zone is a list of (start, offset): from that second on so many minutes east of UTC plus a
    # bias, as the settings carry it; before the first its offset holds
    # (day since Monday 2024-01-01, minute of that day); None without a zone
    if not zone:
        return None
    offset = zone[0][1]
    for start, after in zone:
        if start <= utc:
            offset = after
    seconds = utc + (offset - _BIAS) * 60
    return seconds // _DAY, seconds % _DAY // 60


def utc(zone, day, minute):
    # the second of a local time: the first one if the hour repeats; if it is skipped, the moment
    # at which the clocks go forward
    wall = day * _DAY + (minute + _BIAS) * 60
    begins = -_DAY
    for n, (start, offset) in enumerate(zone):
        if n:
            begins = start
        moment = wall - offset * 60
        if n + 1 == len(zone) or moment < zone[n + 1][0]:
            return max(moment, begins)
    return None


class Timekeeper:
    # `due` is an asyncio.Event, `sleep_ms` asyncio's
    def __init__(self, clock, rtc, due, sleep_ms):
        self._clock = clock
        self._rtc = rtc
        self.due = due
        self._sleep_ms = sleep_ms
        self.faults = 0
        self.rounds = 0  # of run()
        self._set = False  # the RTC is to follow
        self._setting = False
        self.set_at = None  # uptime in s at which it was last set

    def start(self):
        seconds = self._read()
        if seconds is not None:
            # the middle of the second until its end has been seen
            self._clock.set(self._clock.ticks(), seconds, 500, wire.QUALITY_RTC)

    def believes(self, seconds, source, known):
        # whether it can be that time; `known` is that of the last record with a right clock
        if seconds < BUILT:
            return False
        return source == wire.SOURCE_TECHNICIAN or seconds >= known - _DAY

    def sync(self, seconds, ms):
        # it is that time now; values of TIME_SET or None as Clock.sync
        self.set_at = self._clock.uptime()[0]
        self._set = True
        changed = self._clock.sync(seconds, ms)
        self.due.set()
        return changed

    def waits(self):
        # whether run() has something to do
        return self._setting or self.due.is_set()

    async def run(self):
        await self._refine()
        while True:
            await self.due.wait()
            self.due.clear()
            self.rounds += 1
            if self._set:
                self._set = False
                self._setting = True
                await self._sleep_ms(1000 - self._clock.time()[1])
                self._write(self._clock.time()[0])
                self._setting = False

    async def _refine(self):
        if self._clock.quality != wire.QUALITY_RTC:
            return
        first = self._read()
        for _ in range(_LOOKS):
            await self._sleep_ms(_LOOK_MS)
            tick, seconds = self._clock.ticks(), self._read()
            if seconds != first:
                self._tick(tick, seconds)
                return

    def _tick(self, tick, seconds):
        if seconds is not None and self._clock.quality == wire.QUALITY_RTC:
            self._clock.set(tick, seconds, 0, wire.QUALITY_RTC)

    def _read(self):
        try:
            seconds = self._rtc.read()
        except OSError:
            self.faults += 1
            return None
        return seconds if seconds is not None and seconds >= BUILT else None

    def _write(self, seconds):
        try:
            self._rtc.set(seconds)
        except OSError:
            self.faults += 1
