"""A seeded set of patients whose records were tagged, verified and stored like any others.

Makes a folder with registry, store and ledger, to look at the pages and to measure them.
"""

import dataclasses
import datetime as dt
import random
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path

from protocol import topics
from sim.backend import registry
from sim.backend.evidence.entries import Draft, Kind, utc_midnight
from sim.backend.evidence.ledger import Ledger
from sim.backend.ingest import Ingest
from sim.backend.pages.journal import Journal
from sim.backend.pages.lives import Life, Story
from sim.backend.registry import Registry, RegistryFile
from sim.backend.store import open_store

STORE, LEDGER, REGISTRY = "store.db", "people.db", "registry.json"
SITE = "north"
_ZONE = zoneinfo.ZoneInfo("Europe/Zurich")
_GATEWAY = "gw-{}"
_LAST_S = 22 * 3600 + 300
"""When a day's records get through: five past ten in the evening, local time."""
_DAY = dt.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class Plan:
    """`end`: the last date that was lived; `stories` go round."""

    patients: int
    days: int
    end: dt.date
    seed: int
    stories: tuple[Story, ...] = tuple(Story)


@dataclasses.dataclass
class _Clock:
    """Unix µs; each look takes one."""

    now: int = 0

    def __call__(self) -> int:
        self.now += 1
        return self.now


def make(folder: Path, plan: Plan, tell: Callable[[int, int], None]) -> None:
    """Write registry, store and ledger into an empty folder; `tell`: patients done, of how many.

    Raises RegistryError, StoreError or LedgerError if a file cannot be written.
    """
    rng = random.Random(f"cohort {plan.seed}")
    journals = [
        Journal(f"{rng.getrandbits(64):016x}", 1 + rng.getrandbits(31), rng.randbytes(32))
        for _ in range(plan.patients)
    ]
    entries = {j.dispenser: registry.Entry(j.secret.hex(), [j.epoch]) for j in journals}
    registry.save(folder / REGISTRY, Registry(entries))
    clock = _Clock()
    store = open_store(folder / STORE, clock=clock)
    try:
        ingest = Ingest(store, RegistryFile(folder / REGISTRY), clock, 0.0)
        for number, journal in enumerate(journals):
            _live(plan, number, journal, ingest, clock)
            tell(number + 1, plan.patients)
    finally:
        store.close()
    _enrol(folder, plan, journals)


def _story(plan: Plan, number: int) -> Story:
    return plan.stories[number % len(plan.stories)]


def _first(plan: Plan, number: int) -> dt.date:
    days = 4 if _story(plan, number) is Story.NEW else plan.days
    return plan.end - (days - 1) * _DAY


def _live(plan: Plan, number: int, journal: Journal, ingest: Ingest, clock: _Clock) -> None:
    first = _first(plan, number)
    rng = random.Random(f"life {plan.seed} {number}")
    life = Life(_story(plan, number), journal, rng, _ZONE, (plan.end - first).days + 1)
    birth = dt.datetime.combine(first - _DAY, dt.time(15), _ZONE)
    journal.born(birth)
    journal.set_clock(birth + dt.timedelta(seconds=1))
    for day in range(life.days):
        date = first + day * _DAY
        if life.live(day, date):
            midnight = dt.datetime.combine(date, dt.time(), _ZONE)
            clock.now = round((midnight.timestamp() + _LAST_S + rng.uniform(0, 3600)) * 1e6)
            topic = topics.up(_GATEWAY.format(number + 1), journal.dispenser, "events")
            for payload in journal.drain():
                ingest.take(topic, payload)


def _enrol(folder: Path, plan: Plan, journals: list[Journal]) -> None:
    ledger = Ledger(folder / LEDGER, _entry_clock(plan))
    try:
        drafts = [d for n, journal in enumerate(journals) for d in _drafts(plan, n, journal)]
        ledger.extend(drafts)
    finally:
        ledger.close()


def _entry_clock(plan: Plan) -> Callable[[], int]:
    start = dt.datetime.combine(plan.end, dt.time(9), _ZONE)
    return lambda: round(start.timestamp() * 1000)


def _drafts(plan: Plan, number: int, journal: Journal) -> Iterator[Draft]:
    episode, story = f"e{number + 1:04}", _story(plan, number)
    first = _first(plan, number)
    start = round(dt.datetime.combine(first, dt.time(3), _ZONE).timestamp() * 1000)

    def draft(kind: Kind, value: str = "", at: int = start, end: int | None = None) -> Draft:
        return Draft("demo", episode, kind, at, end, value)

    patient = 1000 + random.Random(f"{plan.seed} {number}").randrange(9) + number * 9
    yield draft(Kind.EPISODE, f"P-{patient} {SITE} {_ZONE.key}")
    for kind in (Kind.ORDER, Kind.CONSENT, Kind.ACTIVATION):
        yield draft(kind)
    yield draft(Kind.SHIPPED, journal.dispenser, start - 4 * 86_400_000)
    yield draft(Kind.ASSIGNMENT, journal.dispenser)
    yield draft(Kind.REGIMEN, "1 1", utc_midnight(first))
    if story is Story.TWICE:
        yield draft(Kind.REGIMEN, "2 1", utc_midnight(first))
    if story is Story.HOSPITAL:
        away = utc_midnight(first + 10 * _DAY), utc_midnight(first + 17 * _DAY)
        yield draft(Kind.NON_MONITORED, "hospital", *away)
    if number % 3 == 0:
        yield draft(Kind.SYSTEM, "respiratory")
        yield draft(Kind.DEVICE, "confirmed")
