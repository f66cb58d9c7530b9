"""What must hold for any days and any openings."""

import datetime as dt
import itertools
import zoneinfo

from hypothesis import given
from hypothesis import strategies as st

from sim.backend.evidence.adherence import figures
from sim.backend.evidence.dates import Span, adherence_day, civil_date, collapse, local, wall_day
from sim.backend.evidence.days import Access, Plan, Regimen, days
from sim.backend.evidence.sheets import days_sheet
from sim.backend.evidence.study import Study, evaluate

START = dt.datetime(2026, 1, 1)
ZONE_NAMES = ["Europe/Zurich", "America/New_York", "America/St_Johns", "America/Havana"]
ZONE_NAMES += ["Australia/Lord_Howe", "Africa/Casablanca", "Africa/Cairo", "Asia/Beirut"]
ZONE_NAMES += ["Atlantic/Azores", "Pacific/Chatham"]
ZONES = st.sampled_from([*ZONE_NAMES, "Asia/Kathmandu", "Pacific/Apia"]).map(zoneinfo.ZoneInfo)
INSTANTS = st.integers(1_600_000_000_000, 1_900_000_000_000)
CUTS = st.builds(dt.time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
TIMES = st.lists(st.integers(0, 10 * 86400).map(lambda s: START + dt.timedelta(seconds=s)))
WITHIN = st.sampled_from([0, 1, 60, 900, 7200]).map(lambda s: dt.timedelta(seconds=s))


_HOUR = 3_600_000
_CHANGES: dict[str, list[int]] = {}


def changes(zone: zoneinfo.ZoneInfo) -> list[int]:
    """Full hours of 2024 before which the zone's offset is another than after, in ms."""
    if zone.key not in _CHANGES:
        days = _changed(zone, range(1_704_067_200_000, 1_735_689_600_000, 24 * _HOUR))
        hours = [_changed(zone, range(day, day + 25 * _HOUR, _HOUR)) for day in days]
        _CHANGES[zone.key] = [hour + _HOUR for found in hours for hour in found]
    return _CHANGES[zone.key]


def _changed(zone: zoneinfo.ZoneInfo, times: range) -> list[int]:
    offsets = [(at, local(at, zone).utcoffset()) for at in times]
    return [one for (one, before), (_, after) in itertools.pairwise(offsets) if before != after]


CHANGES = (
    st.sampled_from(ZONE_NAMES)
    .map(zoneinfo.ZoneInfo)
    .flatmap(lambda zone: st.tuples(st.just(zone), st.sampled_from(changes(zone))))
)


@given(ZONES, INSTANTS, CUTS)
def test_a_day_is_the_civil_date_or_the_one_before(zone, at, cut):
    behind = civil_date(at, zone) - adherence_day(at, zone, cut)
    assert behind.days in (0, 1)


@given(CHANGES, CUTS, st.integers(-10_800, 10_800), st.integers(1, 7200))
def test_days_never_go_back_when_clocks_change(change, cut, seconds, later):
    zone, at = change[0], change[1] + seconds * 1000
    assert adherence_day(at, zone, cut) <= adherence_day(at + later * 1000, zone, cut)


@given(CHANGES, st.builds(dt.time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45])))
def test_a_date_begins_when_the_wall_clock_first_reads_the_cut(change, cut):
    """The expected side looks at the wall clock every 15 min, and never goes back."""
    zone, at = change
    quarters = range(at - 36 * _HOUR, at + 36 * _HOUR, _HOUR // 4)
    reached = dt.date.min
    for quarter in quarters:
        reached = max(reached, wall_day(local(quarter, zone).replace(tzinfo=None), cut))
        assert adherence_day(quarter, zone, cut) == reached


@given(TIMES, WITHIN)
def test_collapse_is_idempotent_and_keeps_its_distance(times, within):
    kept = collapse(times, within)
    assert collapse(kept, within) == kept
    assert all(b - a >= within for a, b in itertools.pairwise(kept))
    assert set(kept) <= set(times)


@given(TIMES, WITHIN, st.randoms(use_true_random=False))
def test_collapse_does_not_depend_on_order(times, within, random):
    shuffled = times[:]
    random.shuffle(shuffled)
    assert collapse(shuffled, within) == collapse(times, within)


def study(times, regimen=1, added=None):
    span = Span(START.date(), START.date() + dt.timedelta(days=10))
    return Study({"A": times}, {"A": [span]}, {"A": [Regimen(span, regimen)]}, {"A": added or {}})


@given(TIMES, TIMES.filter(bool), WITHIN, CUTS, st.integers(1, 4))
def test_a_further_opening_never_lowers_uncapped_taking(times, more, within, cut, regimen):
    # on the first day before the cut it belongs to the day before: outside, both times
    few = evaluate(study(times, regimen), cut, within)["A"]
    many = evaluate(study(times + more[:1], regimen), cut, within)["A"]
    total_few = few.with_corrections.taking.part + few.outside
    assert many.with_corrections.taking.part + many.outside >= total_few


@given(TIMES, WITHIN, CUTS, st.randoms(use_true_random=False))
def test_order_of_rows_changes_nothing(times, within, cut, random):
    shuffled = times[:]
    random.shuffle(shuffled)
    one = evaluate(study(times), cut, within)
    assert evaluate(study(shuffled), cut, within) == one
    again = evaluate(study(times), cut, within)
    assert days_sheet({"A": again["A"].days}) == days_sheet({"A": one["A"].days})


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(-2, 2), st.integers(0, 3)), max_size=40),
    st.booleans(),
)
def test_figures_bound_each_other(counts, corrected):
    span = [dt.date(2026, 1, 1) + dt.timedelta(days=n) for n in range(len(counts))]
    plan = Plan(
        [Span(day, day) for day in span],
        [Regimen(Span(d, d), due) for d, (_, _, due) in zip(span, counts, strict=True)],
        {d: added for d, (_, added, _) in zip(span, counts, strict=True)},
    )
    accesses = [d for d, (n, _, _) in zip(span, counts, strict=True) for _ in range(n)]
    found = figures(days(plan, accesses), corrected=corrected)
    assert 0 <= found.taking_capped.part <= found.taking_capped.whole
    assert found.correct_dosing.part <= found.implementation.part <= found.implementation.whole
    assert found.taking.part - found.excess <= found.taking_capped.part


def test_three_doses_on_one_day_and_none_on_the_next_are_perfect_in_no_figure():
    span = Span(dt.date(2026, 1, 1), dt.date(2026, 1, 2))
    times = [dt.datetime(2026, 1, 1, hour) for hour in (8, 9, 10)]
    accesses = [Access(at.date(), at) for at in times]
    found = figures(days(Plan([span], [Regimen(span, 1)]), [a.date for a in accesses]), accesses)
    assert found.excess == 2
    shares = [found.taking, found.taking_capped, found.correct_dosing, found.implementation]
    assert all(share.percent != 100 for share in [*shares, found.timing])
