"""When a patient could be observed: inside everything that people entered, whole days only."""

import datetime as dt
from collections.abc import Iterable, Sequence

from sim.backend.evidence.dates import Span
from sim.backend.evidence.days import Plan, Regimen
from sim.backend.evidence.entries import Entry, Kind, added_of, regimen_of
from sim.backend.evidence.programme import Programme

Interval = tuple[int, int]
"""From a moment to another, unix ms, its end not included."""
_NEEDED = (Kind.EPISODE, Kind.CONSENT, Kind.ORDER, Kind.ACTIVATION, Kind.ASSIGNMENT)


def day_start(date: dt.date, zone: dt.tzinfo, cut: dt.time) -> int:
    """Return the unix ms at which an adherence day begins."""
    return round(dt.datetime.combine(date, cut, zone).timestamp() * 1000)


def covered(programme: Programme, episode: str, until: int) -> list[Interval]:
    """Return when episode, consent, order, activation and some assignment all hold."""
    found = [(_first(programme, episode), until)]
    for kind in _NEEDED:
        found = _common(found, _united(programme.only(kind, episode), until))
    return found


def _first(programme: Programme, episode: str) -> int:
    return min((entry.start for entry in programme.only(Kind.EPISODE, episode)), default=0)


def _united(entries: Iterable[Entry], until: int) -> list[Interval]:
    """Return what any of these entries covers: sorted, without overlap, neighbours joined."""
    found: list[Interval] = []
    for start, end in sorted((e.start, until if e.end is None else e.end) for e in entries):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _common(one: Sequence[Interval], other: Sequence[Interval]) -> list[Interval]:
    both = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return sorted((start, end) for start, end in both if start < end)


def observed(programme: Programme, episode: str, cut: dt.time, until: int) -> list[Span]:
    """Return the adherence days that were covered from beginning to end, and are over."""
    zone = programme.zone(episode)
    found = []
    for start, end in covered(programme, episode, until):
        first = dt.datetime.fromtimestamp(start / 1000, zone).date() - dt.timedelta(days=1)
        last = dt.datetime.fromtimestamp(end / 1000, zone).date()
        while day_start(first, zone, cut) < start:
            first += dt.timedelta(days=1)
        while last >= first and day_start(last + dt.timedelta(days=1), zone, cut) > end:
            last -= dt.timedelta(days=1)
        if first <= last:
            found.append(Span(first, last))
    return found


def holding(programme: Programme, episode: str, start: int, end: int) -> set[str]:
    """Return the dispensers that the patient had at any time from `start` to `end`, unix ms."""
    entries = programme.only(Kind.ASSIGNMENT, episode)
    return {entry.value for entry in entries if entry.touches(start, end - 1)}


def plans(programme: Programme, episode: str, spans: Sequence[Span]) -> dict[int, Plan]:
    """Return the plan of each compartment that has a regimen, over these spans of dates."""
    if not spans:
        return {}
    until = spans[-1].end
    regimens: dict[int, list[Regimen]] = {}
    for entry in programme.only(Kind.REGIMEN, episode):
        found = regimen_of(entry, until)
        if found is not None:
            regimens.setdefault(found[0], []).append(found[1])
    added: dict[int, dict[dt.date, int]] = {}
    for entry in programme.only(Kind.ADDED, episode):
        number, date, count = added_of(entry)
        dates = added.setdefault(number, {})
        dates[date] = dates.get(date, 0) + count
    away = [entry.span(until) for entry in programme.only(Kind.NON_MONITORED, episode)]
    non_monitored = [span for span in away if span is not None]
    return {
        number: Plan(spans, regimens[number], added.get(number, {}), non_monitored)
        for number in sorted(regimens)
    }
