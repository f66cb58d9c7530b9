"""Timers of a modem: those of an event loop, or of a world's clock."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from sim.clock import Clock, Timer


class Handle(Protocol):
    """A timer that was set."""

    def cancel(self) -> None:
        """Take it back."""

    def cancelled(self) -> bool:
        """Tell whether it was taken back."""

    def when(self) -> float:
        """Return when it is due."""


class Timers(Protocol):
    """As far as a modem needs an event loop."""

    def time(self) -> float:
        """Return seconds of one clock."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> Handle:
        """Call back in so many seconds."""


class _Set:
    def __init__(self, timer: Timer, at: float) -> None:
        self._timer = timer
        self._at = at

    def cancel(self) -> None:
        self._timer.cancel()

    def cancelled(self) -> bool:
        return self._timer.callback is None

    def when(self) -> float:
        return self._at


class ClockTimers:
    """A world's clock as a modem wants it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def time(self) -> float:
        """Return seconds since some moment."""
        return self._clock.monotonic_ns() / 1e9

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> Handle:
        """Call back in so many seconds of the world's time."""
        timer = self._clock.call_later(delay, partial(callback, *args))  # type: ignore[arg-type]
        return _Set(timer, self.time() + delay)
