"""What the clinic sees of this world: the backend's glance pages, with an episode a dispenser."""

from __future__ import annotations

import time

from sim.backend.evidence.entries import Draft, Kind
from sim.backend.evidence.ledger import Ledger
from sim.broker import free_port
from sim.child import Child, dosewire
from sim.report import STORE
from sim.world import World

PEOPLE = "people.db"
_SITE, _ZONE = "console", "UTC"
_DAY_MS = 86_400_000


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

    def address(self, dispenser: str) -> str:
        """Return the address of the page of a dispenser's patient."""
        return f"http://127.0.0.1:{self._port}/patient/{_episode(dispenser)}"

    async def start(self) -> None:
        """Enrol and serve; the world's dispensers must have their ids. Raises ChildError."""
        ledger = Ledger(self._world.folder / PEOPLE, lambda: round(time.time() * 1000))
        try:
            for dispenser in self._world.dispensers.values():
                ledger.extend(_drafts(dispenser.name, dispenser.id, time.time()))
        finally:
            ledger.close()
        await self._child.start()

    def check(self) -> None:
        """Raise ChildError if the pages ended by themselves."""
        self._child.check()

    async def close(self) -> None:
        """End it."""
        await self._child.kill()


def _episode(dispenser: str) -> str:
    return f"e-{dispenser}"


def _drafts(name: str, dispenser: str, now: float) -> list[Draft]:
    today = round(now * 1000) // _DAY_MS * _DAY_MS
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
