"""Adherence figures from days and accesses: always several, each with its numbers.

Definitions with worked examples: docs/evidence.md. Names after the EMERGE guideline and the ABC
taxonomy (initiation, implementation, persistence).
"""

import dataclasses
import datetime as dt
import itertools
import statistics
from collections.abc import Iterator, Sequence

from sim.backend.evidence.days import Access, Day

TIMING_TOLERANCE = 0.25
"""Share of the prescribed interval by which an interval may differ."""
DISCONTINUED_AFTER = 30
"""Due days without any access, up to the end of observation, that end persistence."""
ROLLING_DAYS = 7
_DAY_S = 86400


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def percent(self) -> float | None:
        """In percent, None of nothing."""
        return 100 * self.part / self.whole if self.whole else None

    def __str__(self) -> str:
        percent = self.percent
        return "-" if percent is None else f"{percent:.1f}% ({self.part}/{self.whole})"


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """Shown together, never one alone; `timing` is None where times of accesses are not known."""

    taking: Share
    taking_capped: Share
    correct_dosing: Share
    implementation: Share
    excess: int
    timing: Share | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Persistence:
    """First and last date with an access; `discontinued`: not one access in the days after it.

    Without discontinuation the end of observation cuts it off: `days` is then "at least".
    """

    first: dt.date | None
    last: dt.date | None
    days: int
    discontinued: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Velocity:
    """How quickly and how steadily a patient engages.

    `first_event_days` from activation; `rolling` capped taking in percent of the last 7 judged
    days; `slope` of it in percentage points a day; `interval_cv` of the times between accesses.
    """

    first_event_days: float | None
    rolling: list[tuple[dt.date, float]]
    slope: float | None
    interval_cv: float | None


def figures(
    days: Sequence[Day], accesses: Sequence[Access] | None = None, *, corrected: bool = True
) -> Figures:
    """Return the figures of a monitor from its days in order and the accesses that count.

    With `corrected` False, what people added or took away is left out.
    """
    judged = [(_counted(day, corrected), day.expected or 0) for day in days if day.judged]
    due = sum(expected for _, expected in judged)
    return Figures(
        taking=Share(sum(count for count, _ in judged), due),
        taking_capped=Share(sum(max(0, min(pair)) for pair in judged), due),
        correct_dosing=Share(sum(count == expected for count, expected in judged), len(judged)),
        implementation=Share(sum(count >= expected for count, expected in judged), len(judged)),
        excess=sum(max(0, count - expected) for count, expected in judged),
        timing=None if accesses is None else _timing(days, accesses, corrected),
    )


def _counted(day: Day, corrected: bool) -> int:
    return day.corrected if corrected else day.recorded


def _timing(days: Sequence[Day], accesses: Sequence[Access], corrected: bool) -> Share:
    """Judge intervals against 24 h / expected; see docs/evidence.md for those left out.

    An added dose has no time: with corrections, intervals that touch such a day are left out.
    """
    good = total = 0
    for seconds, between in _intervals(days, accesses):
        if corrected and any(day.added for day in between):
            continue
        expected = {day.expected for day in between}
        only = expected.pop() if len(expected) == 1 else None
        if not only:
            continue
        total += 1
        good += abs(seconds - _DAY_S / only) <= TIMING_TOLERANCE * _DAY_S / only
    return Share(good, total)


def _intervals(
    days: Sequence[Day], accesses: Sequence[Access]
) -> Iterator[tuple[float, Sequence[Day]]]:
    """Give the seconds between neighbours and the days they span, if all of these are judged."""
    index = {day.date: at for at, day in enumerate(days)}
    ordered = sorted((access for access in accesses if access.date in index), key=_by_time)
    for one, other in itertools.pairwise(ordered):
        between = days[index[one.date] : index[other.date] + 1]
        contiguous = (other.date - one.date).days == len(between) - 1
        if contiguous and all(day.judged for day in between):
            yield (other.at - one.at).total_seconds(), between


def _by_time(access: Access) -> dt.datetime:
    return access.at


def persistence(days: Sequence[Day], after: int = DISCONTINUED_AFTER) -> Persistence:
    """Return how long the patient went on, corrections included.

    Discontinued only if `after` due, monitored days or more follow the last access.
    """
    taken = [day.date for day in days if day.corrected > 0 and not day.non_monitored]
    if not taken:
        return Persistence(None, None, 0, False)
    first, last = taken[0], taken[-1]
    silent = sum(day.date > last and day.judged and bool(day.expected) for day in days)
    discontinued = silent >= after
    end = last if discontinued else days[-1].date
    return Persistence(first, last, (end - first).days + 1, discontinued)


def velocity(
    days: Sequence[Day], accesses: Sequence[Access], activated: dt.datetime | None = None
) -> Velocity:
    """Return speed and steadiness of engagement; days that cannot be judged are left out."""
    first = None
    if activated is not None and accesses:
        first = (min(access.at for access in accesses) - activated).total_seconds() / _DAY_S
    rolling = _rolling(days)
    apart = [seconds for seconds, _ in _intervals(days, accesses)]
    return Velocity(first, rolling, _slope(rolling), _variation(apart))


def _rolling(days: Sequence[Day]) -> list[tuple[dt.date, float]]:
    due = [day for day in days if day.judged and day.expected]
    found = []
    for end in range(ROLLING_DAYS, len(due) + 1):
        window = due[end - ROLLING_DAYS : end]
        percent = figures(window).taking_capped.percent
        if percent is not None:
            found.append((window[-1].date, percent))
    return found


def _slope(rolling: Sequence[tuple[dt.date, float]]) -> float | None:
    if len(rolling) < 2:
        return None
    days = [date.toordinal() for date, _ in rolling]
    return statistics.linear_regression(days, [percent for _, percent in rolling]).slope


def _variation(apart: Sequence[float]) -> float | None:
    if len(apart) < 2 or not any(apart):
        return None
    return statistics.pstdev(apart) / statistics.fmean(apart)
