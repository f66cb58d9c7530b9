"""Watches over the daemon: what it says of itself, and the watchdog that a stuck loop starves."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

from gateway.clock import Clock
from gateway.counters import Counters
from gateway.findings import Finding, Held, Memory, loops
from gateway.heart import Heart
from gateway.notify import Notifier

_LOOK_EVERY = 2.0


class Health:
    """Looks at every part again and again; `state` is always what was found last."""

    def __init__(
        self,
        gateway: str,
        judge: Callable[[], list[Finding]],
        heart: Heart,
        notifier: Notifier,
        counters: Counters,
        clock: Clock,
        more: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        """`more`: what else the state tells, by name."""
        self._gateway = gateway
        self._judge = judge
        self._heart = heart
        self._notifier = notifier
        self._counters = counters
        self._clock = clock
        self._more = more
        self._memory = Memory(clock.monotonic)
        self._started = clock.monotonic()
        self._held: list[Held] = []

    async def run(self) -> None:
        """Look, tell and feed until cancelled."""
        wait = min(_LOOK_EVERY, (self._notifier.watchdog or _LOOK_EVERY * 4) / 4)
        while True:
            self.look()
            await asyncio.sleep(wait)

    def look(self) -> None:
        """Look once: feeds the watchdog only if every loop has beaten in time."""
        late = self._heart.late()
        self._held = self._memory.note([loops(late), *self._judge()])
        bad = [held.finding.part for held in self._held if held.finding.works is False]
        self._notifier.status(f"does not work: {', '.join(bad)}" if bad else "all works")
        if not late:
            self._notifier.alive()

    def state(self) -> dict[str, Any]:
        """Return what was found last, for people and machines; safe to call from any thread."""
        now = self._clock.unix()
        return {
            "gateway": self._gateway,
            "version": version(),
            "pid": os.getpid(),
            "up_seconds": round(self._clock.monotonic() - self._started, 1),
            "works": all(held.finding.works is not False for held in self._held),
            "findings": [_plain(held, now) for held in self._held],
            "counters": dict(self._counters),
            **self._more(),
        }


def version() -> str:
    """Return the version of the installed package, "unknown" when run from sources alone."""
    # costs 10 ms, and the daemon is to be ready before that
    from importlib import metadata

    try:
        return metadata.version("dosewire")
    except metadata.PackageNotFoundError:
        return "unknown"


def _plain(held: Held, now: float) -> dict[str, Any]:
    since = {"for_seconds": round(held.seconds, 1), "since": round(now - held.seconds)}
    return held.finding._asdict() | since
