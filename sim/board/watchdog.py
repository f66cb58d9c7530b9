"""The board's watchdog, kept outside of it: a hung board cannot save itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sim.board.turns import Turns


class Watchdog:
    """Calls `starved` when it was not fed in time; before that, `catch_up` takes in late feeds.

    In virtual time it only knows whether it runs: who hands out the turns knows when it bites.
    """

    def __init__(
        self, starved: Callable[[], None], catch_up: Callable[[], None], turns: Turns | None
    ) -> None:
        self.timeout_us = 0
        self._starved, self._catch_up = starved, catch_up
        self._turns = turns
        self._loop = asyncio.get_running_loop()
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, timeout_us: int) -> None:
        """Start or feed it, 0 stops it."""
        self.timeout_us = timeout_us
        if self._turns:
            if not timeout_us:
                self._turns.stop_watchdog()
            return
        self._deadline = self._loop.time() + timeout_us / 1e6
        if not timeout_us and self._timer:
            self._timer.cancel()
            self._timer = None
        elif timeout_us and (self._timer is None or self._timer.when() > self._deadline):
            self._wait()

    def _wait(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        # feeds move the deadline, not the timer; those still in the pipe count
        self._timer = None
        self._catch_up()
        if not self.timeout_us or self._timer:
            return
        if self._loop.time() < self._deadline:
            self._wait()
        else:
            self._starved()
