"""Adherence days: what was recorded, corrected and expected on each date of a monitor.

A monitor is whatever is opened for one dose: a compartment, or any electronic pill container.
"""

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sim.backend.evidence.dates import Span


@dataclasses.dataclass(frozen=True, slots=True)
class Regimen:
    """Accesses expected a day; in cycles of `on` days of treatment and `off` of pause if given."""

    span: Span
    expected: int
    on: int = 1
    off: int = 0

    def expected_on(self, day: dt.date) -> int:
        """Return what is expected on a date of the span; cycles count from its start."""
        return (
            self.expected if (day - self.span.start).days % (self.on + self.off) < self.on else 0
        )


class Access(NamedTuple):
    """One access that counts: the adherence day it belongs to, and when it was."""

    date: dt.date
    at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Day:
    """One date of one monitor; `expected` None: no regimen says.

    `unseen`: less than expected was recorded, and nobody knows whether all was seen.
    """

    date: dt.date
    recorded: int
    added: int
    expected: int | None
    non_monitored: bool
    unseen: bool = False

    @property
    def corrected(self) -> int:
        """Recorded plus added: below 0 if more was taken away than recorded, never hidden."""
        return self.recorded + self.added

    @property
    def judged(self) -> bool:
        """Whether this date can be compared with what was expected."""
        return not self.non_monitored and not self.unseen and self.expected is not None

    @property
    def implemented(self) -> bool | None:
        """Whether corrected reached expected (0 of 0 does); None: not to be judged."""
        if self.expected is None or not self.judged:
            return None
        return self.corrected >= self.expected

    @property
    def excess(self) -> int:
        """Corrected above expected; 0 where that cannot be judged."""
        if self.expected is None or self.non_monitored:
            return 0
        return max(0, self.corrected - self.expected)


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What people entered about one monitor. Spans of `monitored` and of `regimens` are disjoint.

    `added`: pocket doses (above 0) and openings that were no dose (below 0).
    """

    monitored: Sequence[Span]
    regimens: Sequence[Regimen] = ()
    added: Mapping[dt.date, int] = dataclasses.field(default_factory=dict)
    non_monitored: Sequence[Span] = ()


def days(plan: Plan, accesses: Iterable[dt.date], unseen: Collection[dt.date] = ()) -> list[Day]:
    """Return a Day for each monitored date, in order; `accesses`: one date for each access.

    Accesses outside the monitored spans are not in the result: `outside` counts them. A date in
    `unseen` is judged only if it reached what was expected: silence is no missed dose.
    """
    recorded: dict[dt.date, int] = {}
    for date in accesses:
        recorded[date] = recorded.get(date, 0) + 1
    found = [
        Day(
            date,
            recorded.get(date, 0),
            plan.added.get(date, 0),
            _expected(plan, date),
            any(date in span for span in plan.non_monitored),
        )
        for span in sorted(plan.monitored)
        for date in span.dates()
    ]
    return [_seen(day, unseen) for day in found]


def _seen(day: Day, unseen: Collection[dt.date]) -> Day:
    lacking = day.implemented is False and day.date in unseen
    return dataclasses.replace(day, unseen=True) if lacking else day


def outside(plan: Plan, dates: Iterable[dt.date]) -> int:
    """Return how many of these dates no monitored span holds."""
    return sum(not any(date in span for span in plan.monitored) for date in dates)


def _expected(plan: Plan, date: dt.date) -> int | None:
    regimen = next((r for r in plan.regimens if date in r.span), None)
    return None if regimen is None else regimen.expected_on(date)


def patient_day_implemented(monitors: Iterable[Day]) -> bool | None:
    """Tell whether a patient's day is implemented: only if every monitor's is.

    Monitors that cannot be judged are left out; None if none can be.
    """
    judged = [day.implemented for day in monitors if day.judged]
    return all(judged) if judged else None
