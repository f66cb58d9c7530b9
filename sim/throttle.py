"""Holds virtual time back to a multiple of the host's: for people who look, and real tools."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from sim.clock import Clock, VirtualClock

_TICK_S = 0.005
"""Of the host's time: so long what is touched may wait for its turn."""
_FAR_S = 86_400.0


class Throttle:
    """Takes part in virtual time and is busy until the host's time has come.

    `rate` says how many times as fast as the host's time may pass, 0 as fast as it can.
    """

    def __init__(self, clock: VirtualClock, rate: float) -> None:
        self.rate = rate
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._part = clock.join("throttle", self._turn)
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def set(self, rate: float) -> None:
        """From now on pass so fast."""
        self.rate = rate
        self._due = self._loop.time()
        self._part.poke()
        if self._timer:
            self._rest()
            self._go_on()

    def close(self) -> None:
        """Hold nothing back any more."""
        self._rest()
        self._part.leave()

    def _turn(self, _horizon_ns: int, _free_ns: int) -> None:
        # busy already: until the host's time has come nobody moves the world's
        self._rest()
        if self.rate == 0:
            self._go_on()
            return
        self._due = max(self._due + _TICK_S, self._loop.time())
        self._timer = self._loop.call_at(self._due, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        step_s = _TICK_S * self.rate if self.rate else _FAR_S
        self._part.idle(self._clock.now_ns + round(step_s * 1e9))

    def _rest(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


@contextmanager
def as_the_host(clock: Clock) -> Iterator[None]:
    """Let time pass no faster than the host's meanwhile, whoever lets it run."""
    if not isinstance(clock, VirtualClock):
        yield
        return
    throttle = Throttle(clock, 1)
    throttle.set(1)
    try:
        yield
    finally:
        throttle.close()
