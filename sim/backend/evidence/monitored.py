"""Monitored days and supply periods: what a claim may rest on, and what it may not.

Nothing here chooses a code. Manual additions, heartbeats and lids alone never make a day.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from protocol.schema import Mode, RecordType, Refill, RefillAction
from sim.backend.evidence.dates import civil_date
from sim.backend.evidence.entries import DAY_MS, Kind
from sim.backend.evidence.events import Event, Key
from sim.backend.evidence.programme import Programme, Whose

PERIOD_DAYS = 30
_PATIENT = (RecordType.dose, RecordType.response)
_LID = (RecordType.lid_opened, RecordType.lid_closed)


class Reason(StrEnum):
    """Why a dose access or response makes no monitored day."""

    DISPUTED = "its time is disputed"
    NO_TIME = "its time is not known"
    WIDTH = "how uncertain its time is, is not known"
    MIDNIGHT = "its time is uncertain over midnight"
    REFILL = "the dispenser was in refill mode"
    TECHNICIAN = "the dispenser was in technician mode"
    BENCH = "the dispenser was in bench mode"
    CONFIRMED_REFILL = "a person confirmed that this opening was a refill"
    UNREADABLE = "its data cannot be read"
    ORDER = "outside the order"
    ACTIVATION = "before activation"


class Tier(StrEnum):
    """Days of a supply period, never a code."""

    NONE = "no candidate"
    SHORT = "candidate: 2 to 15 days"
    LONG = "candidate: 16 to 30 days"


@dataclasses.dataclass(frozen=True)
class Days:
    """Civil dates of an episode. The three counts are never added up; only `monitored` counts.

    `lid_only`, `alive`: dates with no more than a lid, or than any other record. `received`: on
    which records of monitored days were stored. `not_counted`: of what concerned the episode or
    could have (time not known well enough, dispenser assigned to it).
    """

    monitored: dict[dt.date, list[Key]]
    lid_only: list[dt.date]
    alive: list[dt.date]
    received: list[dt.date]
    not_counted: list[tuple[Key, Reason]]

    def since(self, earlier: "Days") -> "Difference":
        """Return what changed since an earlier version, of a period frozen then, say."""
        now, then = set(self.monitored), set(earlier.monitored)
        return Difference(sorted(now - then), sorted(then - now))


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """Monitored days that one version has more, and fewer, than an earlier one."""

    more: list[dt.date]
    fewer: list[dt.date]


@dataclasses.dataclass(frozen=True, slots=True)
class Period:
    """Thirty dates in a row; each date of an episode is in exactly one."""

    number: int
    start: dt.date
    monitored: int
    complete: bool

    @property
    def end(self) -> dt.date:
        """Last date."""
        return self.start + dt.timedelta(days=PERIOD_DAYS - 1)


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """What a person may look at; `because` says why not, where not."""

    tier: Tier
    because: str


def days(programme: Programme, episode: str, found: Sequence[Event]) -> Days:
    """Return the days of an episode. Raises KeyError for an unknown one."""
    zone = programme.zone(episode)
    refills = confirmed_refills(programme, found)
    monitored: dict[dt.date, list[Key]] = {}
    lids: set[dt.date] = set()
    alive: set[dt.date] = set()
    received: set[dt.date] = set()
    left: list[tuple[Key, Reason]] = []
    for event, whose in concerned(programme, episode, found):
        date = event.date(zone)
        reason = why_not(event, whose, date, refills)
        if event.kind in _PATIENT and reason is not None:
            left.append((event.key, reason))
        if date is None or whose is Whose.NO_TIME:
            continue
        alive.add(date)
        if event.kind in _LID and event.mode == Mode.patient:
            lids.add(date)
        if event.kind in _PATIENT and reason is None:
            monitored.setdefault(date, []).append(event.key)
            received.add(civil_date(event.received, zone))
    return Days(
        {date: sorted(monitored[date]) for date in sorted(monitored)},
        sorted(lids - set(monitored)),
        sorted(alive - lids - set(monitored)),
        sorted(received),
        sorted(left),
    )


def concerned(
    programme: Programme, episode: str, found: Iterable[Event]
) -> Iterator[tuple[Event, Whose]]:
    """Give the events of an episode that are not sealed.

    With them those without a known time, if their dispenser was never anybody else's.
    """
    for event in found:
        owner = programme.owner(event)
        only_holder = programme.holders(event.key.dispenser) == {episode}
        alone = owner.whose is Whose.NO_TIME and only_holder
        if owner.episode == episode or alone:
            yield event, owner.whose


def why_not(event: Event, whose: Whose, date: dt.date | None, refills: set[Key]) -> Reason | None:
    """Say why an event of an episode counts for no date, None if it does."""
    if event.dispute.value:
        return Reason.DISPUTED
    if event.sure is None:
        return Reason.NO_TIME if event.at is None else Reason.WIDTH
    if whose is not Whose.COUNTED:
        return Reason[whose.name]
    if event.mode != Mode.patient:
        return Reason[event.mode.name.upper()]
    if event.data is None:
        return Reason.UNREADABLE
    if date is None:
        return Reason.MIDNIGHT
    return Reason.CONFIRMED_REFILL if event.key in refills else None


def confirmed_refills(programme: Programme, found: Sequence[Event]) -> set[Key]:
    """Return all keys of openings that hold a possible refill which a person confirmed."""
    named = {entry.value for entry in programme.only(Kind.REFILL)}
    inside: set[Key] = set()
    opening: list[Event] = []
    for event in sorted(found, key=lambda event: event.key):
        if event.kind == RecordType.lid_opened or (opening and _elsewhere(opening[-1], event)):
            opening = []
        opening.append(event)
        if _is_possible(event) and refill_name(event.key) in named:
            inside |= {other.key for other in opening}
        elif inside and opening[0].key in inside:
            inside.add(event.key)
        if event.kind == RecordType.lid_closed:
            opening = []
    return inside


def _elsewhere(one: Event, other: Event) -> bool:
    return (one.key[:2], one.boot) != (other.key[:2], other.boot)


def _is_possible(event: Event) -> bool:
    return isinstance(event.data, Refill) and event.data.action == RefillAction.possible


def refill_name(key: Key) -> str:
    """Return the value of the entry that confirms a possible refill."""
    return f"{key.dispenser} {key.epoch} {key.seq}"


def periods(monitored: Iterable[dt.date], as_of: dt.date) -> list[Period]:
    """Return the supply periods from the first monitored day up to a date, none without one.

    Consecutive, not overlapping, and never begun anew: a period without days is a period.
    """
    dates = sorted(date for date in monitored if date <= as_of)
    if not dates:
        return []
    count = (as_of - dates[0]).days // PERIOD_DAYS + 1
    starts = [dates[0] + dt.timedelta(days=PERIOD_DAYS * n) for n in range(count)]
    return [_period(n + 1, start, dates, as_of) for n, start in enumerate(starts)]


def _period(number: int, start: dt.date, dates: Sequence[dt.date], as_of: dt.date) -> Period:
    end = start + dt.timedelta(days=PERIOD_DAYS - 1)
    return Period(number, start, sum(start <= date <= end for date in dates), end < as_of)


def candidate(programme: Programme, episode: str, period: Period) -> Candidate:
    """Return the tier that a person may look at.

    Only where people entered, for this period, a clinical system and that the device's status is
    confirmed. Raises KeyError for an unknown episode.
    """
    zone = programme.zone(episode)
    ends = [dt.datetime.combine(date, dt.time(), zone) for date in (period.start, period.end)]
    first, last = (round(at.timestamp() * 1000) for at in ends)

    def values(kind: Kind) -> set[str]:
        said = programme.only(kind, episode)
        return {entry.value for entry in said if entry.touches(first, last + DAY_MS - 1)}

    systems, statuses = values(Kind.SYSTEM), values(Kind.DEVICE)
    missing = [name for name, said in (("system", systems), ("device", statuses)) if not said]
    if missing:
        return Candidate(Tier.NONE, f"nobody entered {' and '.join(missing)}")
    if "other" in systems or len(systems) > 1:
        return Candidate(Tier.NONE, f"no code is for system: {', '.join(sorted(systems))}")
    if statuses != {"confirmed"}:
        return Candidate(Tier.NONE, "the device's status is not confirmed")
    if period.monitored < 2:
        return Candidate(Tier.NONE, f"{period.monitored} monitored days: fewer than 2")
    return Candidate(Tier.SHORT if period.monitored < 16 else Tier.LONG, "")
