"""Dates from instants and from wall clocks: the adherence day and the civil date."""

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

DAY_CUT = dt.time(3)
"""Local time at which an adherence day begins unless the clinic says otherwise: what is taken
late in the evening belongs to that evening (the cut of published electronic monitoring)."""
T = TypeVar("T", dt.datetime, int)


class Span(NamedTuple):
    """Dates from `start` to `end`, both included."""

    start: dt.date
    end: dt.date

    def __contains__(self, day: object) -> bool:
        return isinstance(day, dt.date) and self.start <= day <= self.end

    def dates(self) -> Iterator[dt.date]:
        """Each date, in order."""
        for ordinal in range(self.start.toordinal(), self.end.toordinal() + 1):
            yield dt.date.fromordinal(ordinal)


def local(unix_ms: int, zone: dt.tzinfo) -> dt.datetime:
    """Return an instant on the wall clock of a zone."""
    at = dt.datetime.fromtimestamp(unix_ms // 1000, dt.UTC)
    return at.replace(microsecond=unix_ms % 1000 * 1000).astimezone(zone)


def civil_date(unix_ms: int, zone: dt.tzinfo) -> dt.date:
    """Return the calendar's date in a zone."""
    return local(unix_ms, zone).date()


def wall_day(at: dt.datetime, cut: dt.time = DAY_CUT) -> dt.date:
    """Return the adherence day of a wall clock time, taken as it is written."""
    return at.date() if at.time() >= cut else at.date() - dt.timedelta(days=1)


def adherence_day(unix_ms: int, zone: dt.tzinfo, cut: dt.time = DAY_CUT) -> dt.date:
    """Return the adherence day of an instant: it begins when the wall clock first reads `cut`.

    When clocks are put back over the cut, the day that has begun stays; it never begins twice.
    """
    at = local(unix_ms, zone)
    day = wall_day(at, cut)
    if at.fold and day < at.date():
        first_pass = dt.datetime.combine(at.date(), cut, zone)
        if first_pass.astimezone(dt.UTC) <= at.astimezone(dt.UTC):
            return at.date()
    return day


def collapse(times: Iterable[T], within: dt.timedelta | int) -> list[T]:
    """Return the sorted times that count: each at least `within` after the last that counted.

    Measured from the one that counted, not from the last seen: so a further time never lowers the
    number, and a long series of repeats is not one access. 0 counts them all. Times and `within`
    are datetimes with a timedelta, or integers of one unit.
    """
    kept: list[T] = []
    for at in sorted(times):
        if not kept or at - kept[-1] >= within:  # type: ignore[operator]
            kept.append(at)
    return kept


def overlapping(spans: Iterable[Span]) -> tuple[Span, Span] | None:
    """Return two spans that share a date, None if there are none."""
    ordered = sorted(spans)
    for one, other in itertools.pairwise(ordered):
        if other.start <= one.end:
            return one, other
    return None
