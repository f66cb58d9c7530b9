# Keeps the clock and the battery-backed RTC together. The RTC tells whole seconds: its next tick
# after the boot gives the rest, and it is set so that it ticks with the true second.
from micropython import const

from dispenser import BUILT, wire

_DAY = const(86400)
_LOOK_MS = const(10)
_LOOKS = const(120)


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
