"""The whole report of an episode: stories with their figures worked out by hand."""

import datetime as dt
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.backend.evidence.adherence import Share
from sim.backend.evidence.calendar import Mark
from sim.backend.evidence.entries import Kind
from sim.backend.evidence.plain import changes, plain, text
from sim.backend.evidence.report import Basis, Evidence, PeriodError
from sim.backend.evidence.silence import Cause, Link, LinkState
from tests.sim.backend.evidence.journal import ID, Journal, ms
from tests.sim.backend.evidence.people import Desk

ZONE = "Europe/Zurich"
MARCH = "2026-03"
APRIL = ms("2026-04-02T12:00")


@pytest.fixture
def desk():
    made = Desk().enrol()
    made.enter(Kind.REGIMEN, "2026-01-01T00:00", value="1 1")
    return made


def started(zone=ZONE):
    made = Journal(zone=zone)
    made.set("2026-02-28T00:01")
    return made


def lived(journal, *doses, days=range(1, 33), compartment=1):
    """Four heartbeats a day, and a dose at 08:00 for each time its day is named."""
    for day in days:
        at = (dt.date(2026, 3, 1) + dt.timedelta(days=day - 1)).isoformat()
        journal.heartbeat(f"{at}T04:00")
        for n in range(doses.count(day)):
            journal.dose(f"{at}T08:{5 * n:02}", compartment)
        journal.heartbeat(f"{at}T10:00")
        journal.heartbeat(f"{at}T16:00")
        journal.heartbeat(f"{at}T22:00")
    return journal


def evidence(desk, *journals, now=APRIL, links=()):
    rows = [row for journal in journals for row in journal.rows]
    return Evidence(Basis(desk.programme, rows, now, links), "e1")


def march(*arguments, **more):
    return evidence(*arguments, **more).report(MARCH)


def marks(report) -> str:
    """One letter a date: R reached, p partly, M missed, s silent, a away, n nothing due."""
    letters = {Mark.PARTLY: "p", Mark.SILENT: "s", Mark.AWAY: "a", Mark.NOT_DUE: "n"}
    return "".join(letters.get(date.mark, date.mark.name[0]) for date in report.calendar)


ALL = tuple(range(1, 32))


def test_a_month_without_fault(desk):
    found = march(desk, lived(started(), *ALL))
    assert marks(found) == "R" * 31
    figures = found.compartments[1].with_corrections
    assert figures.implementation == figures.taking == Share(31, 31)
    assert len(found.counts.monitored) == 31
    assert [(p.start, p.monitored) for p, _ in found.supply] == [
        (dt.date(2026, 3, 1), 30),
        (dt.date(2026, 3, 31), 1),
    ]


def test_six_missed_days_are_flagged_as_missed(desk):
    found = march(desk, lived(started(), *range(1, 11), *range(17, 32)))
    assert marks(found) == "R" * 10 + "M" * 6 + "R" * 15
    assert found.compartments[1].with_corrections.implementation == Share(25, 31)


def test_the_same_days_unplugged_are_silence_and_nothing_is_missed(desk):
    journal = lived(started(), *range(1, 11), days=range(1, 11))
    journal.write("2026-03-10T22:30", 9, b"\0\x10\x68")  # POWER: battery, 4,200 mV
    journal.new_boot()
    journal.set("2026-03-17T00:30")
    lived(journal, *range(17, 32), days=range(17, 33))
    found = march(desk, journal)
    assert marks(found) == "R" * 10 + "s" * 6 + "R" * 15
    assert found.compartments[1].with_corrections.implementation == Share(25, 25)
    assert {date.silence.cause for date in found.calendar[10:16]} == {Cause.UNPLUGGED}
    assert len(found.counts.monitored) == 25


def test_three_weeks_without_uplink_are_complete_by_event_date_afterwards(desk):
    journal = lived(started(), 1, 2, days=range(1, 3))
    journal.late_ms = 21 * 86_400_000
    lived(journal, *range(3, 24), days=range(3, 24))
    journal.late_ms = 1000
    lived(journal, *range(24, 32), days=range(24, 33))
    during = march(desk, journal, now=ms("2026-03-10T12:00"))
    assert marks(during)[:2] == "RR" and "M" not in marks(during)
    found = march(desk, journal, now=ms("2026-04-20T12:00"))
    assert marks(found) == "R" * 31
    assert [date.silence.late for date in found.calendar[2:23]] == [True] * 21
    assert len(found.counts.monitored) == 31


def test_three_on_one_day_and_none_on_the_next_is_perfect_in_no_figure(desk):
    doses = [day for day in ALL for _ in range({10: 3, 11: 0}.get(day, 1))]
    found = march(desk, lived(started(), *doses)).compartments[1]
    assert found.with_corrections.excess == 2
    shares = [getattr(found.with_corrections, name) for name in SHARES]
    assert all(share.percent != 100 for share in shares)
    assert found.with_corrections.taking == Share(32, 31)
    assert found.with_corrections.implementation == Share(30, 31)


SHARES = ("taking", "taking_capped", "correct_dosing", "implementation", "timing")


def test_what_people_entered_corrects_adherence_and_never_monitored_days(desk):
    desk.enter(Kind.ADDED, "2026-03-05T00:00", "2026-03-06T00:00", "1 1")
    desk.enter(Kind.ADDED, "2026-03-06T00:00", "2026-03-07T00:00", "1 -1")
    desk.enter(Kind.NON_MONITORED, "2026-03-20T00:00", "2026-03-23T00:00", "hospital")
    doses = [day for day in ALL if day not in (5, 20, 21, 22)] + [6]
    found = march(desk, lived(started(), *doses))
    assert marks(found) == "R" * 19 + "aaa" + "R" * 9
    days = {day.date.day: day for day in found.compartments[1].days}
    assert (days[5].recorded, days[5].corrected) == (0, 1)
    assert (days[6].recorded, days[6].corrected) == (2, 1)
    assert found.compartments[1].with_corrections.implementation == Share(28, 28)
    assert found.compartments[1].without_corrections.implementation == Share(27, 28)
    assert dt.date(2026, 3, 5) not in found.counts.monitored
    assert len(found.counts.monitored) == 27


def test_of_two_due_compartments_one_is_partly(desk):
    desk.enter(Kind.REGIMEN, "2026-03-10T00:00", "2026-03-12T00:00", "2 1")
    found = march(desk, lived(started(), *ALL))
    assert marks(found) == "R" * 9 + "pp" + "R" * 20


def test_a_cycle_of_the_regimen_has_days_without_anything_due():
    desk = Desk().enrol()
    desk.enter(Kind.REGIMEN, "2026-03-01T00:00", value="1 1 3 1")
    doses = [day for day in ALL if day % 4]
    assert marks(march(desk, lived(started(), *doses))) == ("RRRn" * 8)[:31]


def test_only_days_wholly_inside_consent_are_judged(desk):
    consent = next(entry.id for entry in desk.entries if entry.kind is Kind.CONSENT)
    desk.enter(Kind.CONSENT, "2026-03-10T09:00", "2026-03-20T09:00", replaces=consent)
    found = march(desk, lived(started(), *ALL))
    dates = [date.date.day for date in found.calendar]
    assert dates == list(range(11, 20))
    # at 08:00 local (07:00 UTC) the 10th was not yet inside, the 20th still was
    assert [date.day for date in found.counts.monitored] == list(range(11, 21))
    assert sum(found.sealed.values()) > 0
    shown = text(found)
    assert "2026-03-25" not in shown and "2026-03-02" not in shown


def test_a_swap_leaves_no_hole_in_the_calendar(desk):
    other = Journal(id="ffffffffffffffff", zone=ZONE)
    other.set("2026-02-28T00:01")
    assignment = next(entry.id for entry in desk.entries if entry.kind is Kind.ASSIGNMENT)
    desk.assign(end="2026-03-15T11:00", replaces=assignment)
    desk.assign(other.id, "2026-03-15T11:00")
    found = march(desk, lived(started(), *range(1, 16)), lived(other, *range(16, 32)))
    assert marks(found) == "R" * 31
    assert len(found.counts.monitored) == 31


def test_another_patients_records_are_not_in_the_report(desk):
    journal = lived(started(), *ALL)
    assignment = next(entry.id for entry in desk.entries if entry.kind is Kind.ASSIGNMENT)
    desk.assign(end="2026-03-10T11:00", replaces=assignment)
    desk.enrol("e2", "p2", dispenser="")
    desk.assign(ID, "2026-03-10T11:00", episode="e2")
    own = {f"{ID} 7 {row.seq}" for row in journal.rows if row.seq <= 5 * 9 + 1 + 2}
    shown = plain(march(desk, journal))
    named = set(text_words(shown))
    assert named and named <= own


def text_words(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from text_words(item)
    elif isinstance(value, list):
        for item in value:
            yield from text_words(item)
    elif isinstance(value, str) and value.startswith(f"{ID} "):
        yield value


def test_a_backlog_after_the_freeze_is_a_difference_of_days_and_figures(desk):
    whole = lived(started(), *ALL, days=range(1, 11))
    whole.set("2026-03-11T00:10")  # after a hole, times are unknown until the clock is set again
    lived(whole, *ALL, days=range(11, 33))
    late = [row for row in whole.rows if row.type == 0x22][9]
    part = Journal(zone=ZONE, rows=[row for row in whole.rows if row is not late])
    frozen = text(march(desk, part))
    found = changes(frozen, text(march(desk, whole)))
    places = {change.where: (change.was, change.now) for change in found}
    assert places["counts/monitored/2026-03-10"] == (None, [f"{ID} 7 {late.seq}"])
    # the day was not wholly seen: silent before, reached now; never missed
    assert places["calendar/2026-03-10/mark"] == (Mark.SILENT, Mark.REACHED)
    figure = "compartments/1/with_corrections/implementation/whole"
    assert places[figure] == (30, 31)
    assert changes(frozen, frozen) == []


def test_as_of_then_nothing_later_is_looked_at(desk):
    journal = lived(started(), *ALL)
    then = march(desk, journal, now=ms("2026-03-11T12:00"))
    assert marks(then) == "R" * 10
    cut = [row for row in journal.rows if row.stored_at // 1000 <= ms("2026-03-11T12:00")]
    assert text(march(desk, Journal(rows=cut), now=ms("2026-03-11T12:00"))) == text(then)


def test_without_a_word_of_the_dispenser_the_gateway_explains(desk):
    journal = lived(started(), *range(1, 11), days=range(1, 11))
    links = [
        LinkState(ms("2026-03-01T00:00"), Link.ONLINE),
        LinkState(ms("2026-03-10T12:00"), Link.OFFLINE),
    ]
    found = march(desk, journal, now=ms("2026-03-15T12:00"), links=links)
    assert marks(found) == "R" * 9 + "R" + "s" * 4
    assert [d.silence.cause for d in found.calendar][-4:] == [Cause.GATEWAY] * 4


def test_the_way_into_the_programme(desk):
    desk.enter(Kind.SHIPPED, "2026-02-20T10:00", value=ID)
    found = march(desk, lived(started(), 3)).funnel
    assert found.shipped == ms("2026-02-20T10:00")
    assert found.first_heard == ms("2026-02-28T00:01", ZONE)
    assert found.first_patient_record == ms("2026-03-03T08:00", ZONE)


@pytest.mark.parametrize("period", ["0", "3", "2026-13", "2026-3", "", "x" * 999, "²", "-1"])
def test_a_period_that_is_none_is_refused_in_one_line(desk, period):
    with pytest.raises(PeriodError) as error:
        evidence(desk, lived(started(), *ALL)).report(period)
    assert "\n" not in str(error.value) and len(str(error.value)) < 120


def test_a_supply_period_is_a_period_of_a_report(desk):
    found = evidence(desk, lived(started(), *ALL)).report("1")
    assert (found.span.start, found.span.end) == (dt.date(2026, 3, 1), dt.date(2026, 3, 30))
    assert len(found.calendar) == 30


@settings(max_examples=15)
@given(st.lists(st.integers(1, 31), max_size=40), st.integers(0, 2**32))
def test_order_of_arrival_never_changes_a_figure(doses, seed):
    made = Desk().enrol()
    made.enter(Kind.REGIMEN, "2026-01-01T00:00", value="1 1")
    journal = lived(started(), *doses)
    expected = text(march(made, journal))
    random.Random(seed).shuffle(journal.rows)
    assert text(march(made, journal)) == expected


@settings(max_examples=15)
@given(st.lists(st.integers(1, 31), max_size=40), st.integers(1, 31))
def test_a_further_opening_never_lowers_uncapped_taking_and_never_takes_a_day(doses, more):
    made = Desk().enrol()
    made.enter(Kind.REGIMEN, "2026-01-01T00:00", value="1 1")
    few = march(made, lived(started(), *doses))
    many = march(made, lived(started(), *doses, more))
    before, after = (r.compartments[1].with_corrections.taking for r in (few, many))
    assert (after.part, after.whole) == (before.part + 1, before.whole)
    assert set(few.counts.monitored) <= set(many.counts.monitored)


def test_days_of_clock_changes_have_one_date_each(desk):
    found = march(desk, lived(started(), *ALL))
    dates = [date.date for date in found.calendar]
    assert len(set(dates)) == len(dates) == 31
    # 29 March has 23 hours in Zurich
    assert found.calendar[28].mark is Mark.REACHED
