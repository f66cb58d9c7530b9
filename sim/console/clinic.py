"""What the clinic sees of this world: the backend's glance pages, with an episode a dispenser."""

from __future__ import annotations

import asyncio
import struct
import time
from pathlib import Path

from sim.backend.evidence.entries import Draft, Kind
from sim.backend.evidence.ledger import Ledger
from sim.broker import free_port
from sim.child import Child, dosewire
from sim.clock import Clock
from sim.report import STORE
from sim.shifted import sitecustomize
from sim.stored import rows
from sim.world import World

PEOPLE = "people.db"
_SITE, _ZONE = "console", "UTC"
_DAY_MS = 86_400_000
_STORE_WITHIN_S = 60.0


class Clinic:
    """Enrols one pseudonymous patient for each dispenser and serves the pages."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._port = free_port()
        words = (
            "backend", "pages", "--port", str(self._port),
            "--store", str(world.folder / STORE), "--ledger", str(world.folder / PEOPLE),
        )  # fmt: skip
        self._child = Child("pages", dosewire(*words), world.logs / "pages.log")
        self._ahead = _Ahead(world.folder / "clock", world.clock) if world.virtual else None

    def address(self, dispenser: str) -> str:
        """Return the address of the page of a dispenser's patient."""
        return f"http://127.0.0.1:{self._port}/patient/{_episode(dispenser)}"

    async def start(self) -> None:
        """Enrol and serve once the backend has made its store.

        The world's dispensers must have their ids. Raises ChildError or TimeoutError.
        """
        now_ms = self._world.clock.now_ns // 10**6
        ledger = Ledger(self._world.folder / PEOPLE, lambda: now_ms)
        try:
            for dispenser in self._world.dispensers.values():
                ledger.extend(_drafts(dispenser.name, dispenser.id, now_ms))
        finally:
            ledger.close()
        if self._ahead:
            self._child.set_environment(**self._ahead.environment)
        async with asyncio.timeout(_STORE_WITHIN_S):
            while not _is_made(self._world.folder / STORE):
                await asyncio.sleep(0.02)
        await self._child.start()

    def follow(self) -> None:
        """Tell the pages what time it is in the world."""
        if self._ahead:
            self._ahead.tell()

    def check(self) -> None:
        """Raise ChildError if the pages ended by themselves."""
        self._child.check()

    async def close(self) -> None:
        """End it."""
        await self._child.kill()


class _Ahead:
    """How far a world's clock is ahead of the host's, in a file that a process follows."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self.tell()

    @property
    def environment(self) -> dict[str, str]:
        """What a process that follows it is started with."""
        folder = str(Path(sitecustomize.__file__).parent)
        return {sitecustomize.CLOCK_FILE: str(self._path), "PYTHONPATH": folder}

    def tell(self) -> None:
        """Write it down."""
        with self._path.open("r+b" if self._path.exists() else "wb") as file:
            file.write(struct.pack("<q", self._clock.now_ns - time.time_ns()))


def _is_made(store: Path) -> bool:
    # all its tables come in one transaction
    return bool(rows(store, "sqlite_master", ("name",))) if store.exists() else False


def _episode(dispenser: str) -> str:
    return f"e-{dispenser}"


def _drafts(name: str, dispenser: str, now_ms: int) -> list[Draft]:
    today = now_ms // _DAY_MS * _DAY_MS
    values = (
        (Kind.EPISODE, f"P-{name} {_SITE} {_ZONE}"),
        (Kind.ORDER, ""),
        (Kind.CONSENT, ""),
        (Kind.ACTIVATION, ""),
        (Kind.SHIPPED, dispenser),
        (Kind.ASSIGNMENT, dispenser),
    )
    drafts = [Draft("console", _episode(name), kind, today, None, text) for kind, text in values]
    # an entry holds a date as the midnight it begins with in UTC, which is the zone here
    return [*drafts, Draft("console", _episode(name), Kind.REGIMEN, today, None, "1 1")]
