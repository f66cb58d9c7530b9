"""How long a world waits, in real time, for what must come at once: then that is an error.

A machine with much else to do is slow, so what happens in virtual time must not hang on it: time
stands still until what is awaited has come, and a world in which it never comes says so.
"""

import time
from collections.abc import Callable

LONGEST_S = 120.0


class PatienceError(RuntimeError):
    """What a world in virtual time waits for does not come."""


class Patience:
    """Counts while the same is waited for."""

    def __init__(
        self, longest_s: float = LONGEST_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._longest_s = longest_s
        self._now = now
        self._what: object = None
        self._since = 0.0

    def wait(self, what: object) -> None:
        """Note what is still waited for; raises PatienceError if it is the same for too long."""
        now = self._now()
        if self._what is None or what != self._what:
            self._what, self._since = what, now
        elif now - self._since > self._longest_s:
            raise PatienceError(f"virtual time stands still for {self._longest_s:.0f} s: {what}")

    def rest(self) -> None:
        """Nothing is waited for."""
        self._what = None
