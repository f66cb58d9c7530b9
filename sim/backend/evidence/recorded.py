"""Adherence days of an episode from its verified records, compartment by compartment."""

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence

from protocol.schema import Dose, Refill, RefillAction
from sim.backend.evidence.dates import DAY_CUT, adherence_day, collapse
from sim.backend.evidence.days import Access, Day, Plan, days, patient_day_implemented
from sim.backend.evidence.entries import Kind
from sim.backend.evidence.events import Event, Key, accesses
from sim.backend.evidence.monitored import (
    Reason,
    concerned,
    confirmed_refills,
    refill_name,
    why_not,
)
from sim.backend.evidence.programme import Programme

COLLAPSE_S = 60
"""Sooner than this after an access that counted, the same compartment is a repeat. The dispenser
itself ends an access when the beam has been whole for as long."""


@dataclasses.dataclass(frozen=True)
class Recorded:
    """Accesses of an episode by compartment, and what was shown but not counted, with why.

    `repeats`: merged; `undecided`: possible refills that no person has decided about yet.
    """

    accesses: dict[int, list[Access]]
    repeats: int
    not_counted: list[tuple[Key, Reason]]
    undecided: list[Key]


def recorded(
    programme: Programme,
    episode: str,
    found: Sequence[Event],
    cut: dt.time = DAY_CUT,
    within_s: int = COLLAPSE_S,
) -> Recorded:
    """Return the accesses of an episode by adherence day. Raises KeyError for an unknown one.

    A time uncertain over the day cut counts for no day.
    """
    zone = programme.zone(episode)
    refills = confirmed_refills(programme, found)
    times: dict[int, list[int]] = {}
    left: list[tuple[Key, Reason]] = []
    mine = list(concerned(programme, episode, found))
    whose = {event.key: said for event, said in mine}
    for event in accesses(event for event, _ in mine):
        day = event.day(zone, cut)
        reason = why_not(event, whose[event.key], day, refills)
        if reason is not None:
            left.append((event.key, reason))
        elif isinstance(event.data, Dose) and event.at is not None:
            times.setdefault(event.data.compartment, []).append(event.at)
    kept = {number: collapse(times[number], within_s * 1000) for number in sorted(times)}
    return Recorded(
        {number: [_access(at, zone, cut) for at in kept[number]] for number in kept},
        sum(map(len, times.values())) - sum(map(len, kept.values())),
        sorted(left),
        _undecided(programme, [event for event, _ in mine]),
    )


def _access(at: int, zone: dt.tzinfo, cut: dt.time) -> Access:
    when = dt.datetime.fromtimestamp(at // 1000, dt.UTC).replace(microsecond=at % 1000 * 1000)
    return Access(adherence_day(at, zone, cut), when)


def _undecided(programme: Programme, found: Iterable[Event]) -> list[Key]:
    decided = {entry.value for entry in programme.only(Kind.REFILL)}
    return sorted(
        event.key
        for event in found
        if isinstance(event.data, Refill)
        and event.data.action == RefillAction.possible
        and refill_name(event.key) not in decided
    )


def compartment_days(
    plans: Mapping[int, Plan], found: Recorded, unseen: Collection[dt.date] = ()
) -> dict[int, list[Day]]:
    """Return the days of each compartment that has a plan.

    `unseen`: dates of which nobody knows whether the dispenser saw all.
    """
    return {
        number: days(plan, (access.date for access in found.accesses.get(number, ())), unseen)
        for number, plan in plans.items()
    }


def patient_days(by_compartment: Mapping[int, Sequence[Day]]) -> dict[dt.date, bool | None]:
    """Return whether each date is implemented: only if it is for every compartment."""
    by_date: dict[dt.date, list[Day]] = {}
    for compartment in by_compartment.values():
        for day in compartment:
            by_date.setdefault(day.date, []).append(day)
    return {date: patient_day_implemented(by_date[date]) for date in sorted(by_date)}
