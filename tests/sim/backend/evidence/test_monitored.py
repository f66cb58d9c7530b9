"""Monitored days and supply periods: what counts, what does not, and why."""

import datetime as dt
import random

import pytest

from sim.backend.evidence import monitored
from sim.backend.evidence.entries import Kind
from sim.backend.evidence.events import Key, events
from sim.backend.evidence.monitored import Reason, Tier, candidate, periods, refill_name
from sim.backend.evidence.programme import Programme, Whose
from tests.sim.backend.evidence.journal import (
    BENCH,
    ID,
    REFILL,
    RTC,
    STATE,
    TECHNICIAN,
    UPTIME,
    Journal,
)
from tests.sim.backend.evidence.people import Desk


@pytest.fixture
def journal():
    made = Journal(zone="Europe/Zurich")
    made.set("2026-03-01T00:01")
    return made


@pytest.fixture
def desk():
    return Desk().enrol()


def count(desk, *journals, episode="e1"):
    rows = [row for journal in journals for row in journal.rows]
    return monitored.days(desk.programme, episode, events(rows))


def dates(found) -> list[str]:
    return [date.isoformat() for date in found]


@pytest.mark.parametrize("what", ["dose", "response"])
def test_an_access_or_a_response_makes_a_day(journal, desk, what):
    getattr(journal, what)("2026-03-05T08:00")
    found = count(desk, journal)
    assert found.monitored == {dt.date(2026, 3, 5): [Key(ID, 7, 1)]}
    assert dates(found.received) == ["2026-03-05"]


def test_at_half_past_one_the_civil_date_counts(journal, desk):
    journal.dose("2026-03-05T01:30")
    assert dates(count(desk, journal).monitored) == ["2026-03-05"]


def test_the_last_day_of_a_month_and_the_first_of_the_next_are_two(journal, desk):
    journal.dose("2026-03-31T23:59")
    journal.set("2026-04-01T00:00:20")
    journal.dose("2026-04-01T00:01")
    found = count(desk, journal)
    assert dates(found.monitored) == ["2026-04-01"]
    # a month after the setting, drift leaves open which of the two dates the first was on
    assert found.not_counted == [(Key(ID, 7, 1), Reason.MIDNIGHT)]
    journal.set("2026-04-29T23:58")
    journal.dose("2026-04-30T23:59")
    journal.dose("2026-05-01T00:01")
    assert dates(count(desk, journal).monitored)[1:] == ["2026-04-30", "2026-05-01"]


def test_lid_heartbeat_and_state_make_no_day_and_are_shown_apart(journal, desk):
    journal.lid("2026-03-05T08:00")
    journal.heartbeat("2026-03-06T08:00")
    journal.write("2026-03-07T08:00", STATE, b"\0\1\0\x1f")
    journal.dose("2026-03-08T08:00")
    journal.lid("2026-03-08T08:00")
    found = count(desk, journal)
    assert dates(found.monitored) == ["2026-03-08"]
    assert dates(found.lid_only) == ["2026-03-05"]
    assert dates(found.alive) == ["2026-03-01", "2026-03-06", "2026-03-07"]
    assert found.not_counted == []


@pytest.mark.parametrize(
    ("mode", "reason"),
    [(REFILL, Reason.REFILL), (TECHNICIAN, Reason.TECHNICIAN), (BENCH, Reason.BENCH)],
)
def test_other_modes_make_no_day(journal, desk, mode, reason):
    journal.dose("2026-03-05T08:00", mode=mode)
    journal.response("2026-03-05T08:00", mode=mode)
    journal.lid("2026-03-05T08:00", mode=mode)
    found = count(desk, journal)
    assert (found.monitored, found.lid_only) == ({}, [])
    assert found.not_counted == [(Key(ID, 7, 1), reason), (Key(ID, 7, 2), reason)]


def test_time_that_is_not_known_makes_no_day_and_says_so(desk):
    journal = Journal(zone="Europe/Zurich")
    journal.dose(100, quality=UPTIME)
    journal.new_boot()
    journal.dose("2026-03-05T08:00", quality=RTC)
    journal.set("2026-03-05T08:01", old="2026-03-05T09:00")
    journal.dose("2026-03-06T08:00")
    journal.next += 1
    journal.new_boot()
    journal.dose("2026-03-07T08:00", quality=RTC)
    found = count(desk, journal)
    assert dates(found.monitored) == ["2026-03-06"]
    reasons = [reason for _, reason in found.not_counted]
    assert reasons == [Reason.NO_TIME, Reason.DISPUTED, Reason.WIDTH]


def test_forks_make_no_day(journal, desk):
    journal.status = "fork"
    journal.dose("2026-03-05T08:00")
    assert count(desk, journal).monitored == {}


def test_a_confirmed_refill_makes_no_day_a_possible_one_does(journal, desk):
    journal.lid("2026-03-05T08:00")
    for compartment in (1, 2, 3):
        journal.dose("2026-03-05T08:01", compartment)
    possible = journal.possible_refill("2026-03-05T08:02")
    journal.dose("2026-03-05T08:03", 4)
    journal.close("2026-03-05T08:04")
    assert dates(count(desk, journal).monitored) == ["2026-03-05"]
    name = refill_name(Key(possible.dispenser, possible.epoch, possible.seq))
    desk.enter(Kind.REFILL, value=name)
    found = count(desk, journal)
    assert found.monitored == {}
    assert [(key.seq, reason) for key, reason in found.not_counted] == [
        (seq, Reason.CONFIRMED_REFILL) for seq in (2, 3, 4, 6)
    ]
    journal.dose("2026-03-05T19:00")
    assert dates(count(desk, journal).monitored) == ["2026-03-05"]


def test_two_dispensers_of_one_patient_make_one_day(journal, desk):
    other = Journal(id="ffffffffffffffff", zone="Europe/Zurich")
    other.set("2026-03-01T00:00")
    desk.assign(other.id)
    journal.dose("2026-03-05T08:00")
    other.dose("2026-03-05T09:00")
    found = count(desk, journal, other)
    assert found.monitored == {dt.date(2026, 3, 5): [Key(ID, 7, 1), Key(other.id, 7, 1)]}


def test_a_swap_in_mid_period_goes_on_counting(journal, desk):
    other = Journal(id="ffffffffffffffff", zone="Europe/Zurich")
    other.set("2026-03-01T00:00")
    first = desk.entries[-1].id
    desk.assign(end="2026-03-06T12:00", replaces=first)
    desk.assign(other.id, "2026-03-06T12:00")
    for journal_, day in ((journal, 5), (other, 5), (journal, 7), (other, 7)):
        journal_.dose(f"2026-03-0{day}T08:00")
    found = count(desk, journal, other)
    # the new one was with nobody on the 5th, the old one on the 7th
    assert found.monitored == {
        dt.date(2026, 3, 5): [Key(ID, 7, 1)],
        dt.date(2026, 3, 7): [Key(other.id, 7, 2)],
    }


def test_a_reissued_dispenser_gives_each_patient_the_own_days(journal, desk):
    desk.assign(end="2026-03-10T00:00", replaces=desk.entries[-1].id)
    desk.enrol("e2", "p2", dispenser="")
    desk.assign(start="2026-03-12T00:00", episode="e2")
    for day in (9, 11, 13):
        journal.dose(f"2026-03-{day:02}T08:00")
    journal.dose(50, quality=UPTIME)
    assert dates(count(desk, journal).monitored) == ["2026-03-09"]
    second = count(desk, journal, episode="e2")
    assert dates(second.monitored) == ["2026-03-13"]
    # the one without a time could be either's: it is nobody's
    assert second.not_counted == []
    sealed = desk.programme.sealed(events(journal.rows))
    assert (sealed[Whose.NO_TIME], sealed[Whose.UNASSIGNED]) == (1, 1)


def test_a_backlog_that_arrives_after_the_reissue_is_the_first_patients(journal, desk):
    journal.late_ms = 30 * 86_400_000
    journal.dose("2026-03-05T08:00")
    desk.assign(end="2026-03-06T00:00", replaces=desk.entries[-1].id)
    desk.enrol("e2", "p2", dispenser="")
    desk.assign(start="2026-03-06T00:00", episode="e2")
    found = count(desk, journal)
    assert dates(found.monitored) == ["2026-03-05"]
    assert dates(found.received) == ["2026-04-04"]
    assert count(desk, journal, episode="e2").monitored == {}


def test_time_uncertain_over_the_change_of_hands_belongs_to_nobody(journal, desk):
    desk.assign(end="2026-03-21T11:00", replaces=desk.entries[-1].id)
    desk.enrol("e2", "p2", dispenser="")
    desk.assign(start="2026-03-21T11:00", episode="e2")
    journal.dose("2026-03-21T12:00:01")  # 11:00:01 UTC, twenty days after the clock was set
    for episode in ("e1", "e2"):
        assert count(desk, journal, episode=episode).monitored == {}
    assert desk.programme.sealed(events(journal.rows))[Whose.UNCERTAIN] == 1


def test_consent_withdrawn_seals_what_comes_after(journal, desk):
    consent = next(entry.id for entry in desk.entries if entry.kind is Kind.CONSENT)
    desk.enter(Kind.CONSENT, end="2026-03-06T00:00", replaces=consent)
    journal.dose("2026-03-05T08:00")
    journal.dose("2026-03-07T08:00")
    found = count(desk, journal)
    assert dates(found.monitored) == ["2026-03-05"]
    assert dates(found.alive) == ["2026-03-01"]
    assert found.not_counted == []
    assert desk.programme.sealed(events(journal.rows)) == {Whose.CONSENT: 1}


@pytest.mark.parametrize(
    ("kind", "reason"), [(Kind.ORDER, Reason.ORDER), (Kind.ACTIVATION, Reason.ACTIVATION)]
)
def test_outside_order_or_activation_it_is_seen_but_makes_no_day(journal, desk, kind, reason):
    entry = next(entry.id for entry in desk.entries if entry.kind is kind)
    desk.enter(kind, start="2026-03-06T00:00", replaces=entry)
    journal.dose("2026-03-05T08:00")
    found = count(desk, journal)
    assert (found.monitored, found.not_counted) == ({}, [(Key(ID, 7, 1), reason)])


def test_order_of_arrival_changes_nothing(journal, desk):
    other = Journal(id="ffffffffffffffff", zone="Europe/Zurich")
    other.set("2026-03-01T00:00")
    desk.assign(other.id)
    for day in range(1, 29):
        (journal if day % 3 else other).dose(f"2026-03-{day:02}T08:00", mode=day % 4)
        (other if day % 3 else journal).lid(f"2026-03-{day:02}T12:00")
    rows = journal.rows + other.rows
    expected = monitored.days(desk.programme, "e1", events(rows))
    assert len(expected.monitored) == 7
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        assert monitored.days(desk.programme, "e1", events(rows)) == expected


# Supply periods


DAY_ONE = dt.date(2026, 3, 20)


def some(count_: int, first: dt.date = DAY_ONE) -> list[dt.date]:
    return [first + dt.timedelta(days=n) for n in range(count_)]


@pytest.mark.parametrize(
    ("days", "tier"),
    [
        (0, Tier.NONE),
        (1, Tier.NONE),
        (2, Tier.SHORT),
        (15, Tier.SHORT),
        (16, Tier.LONG),
        (30, Tier.LONG),
    ],
)
def test_tiers(desk, days, tier):
    # nothing at all in the second period
    first = DAY_ONE if days else DAY_ONE - dt.timedelta(days=30)
    period = periods(some(days or 1, first), DAY_ONE + dt.timedelta(days=29))[-1]
    assert (period.start, period.monitored) == (DAY_ONE, days)
    assert candidate(desk.programme, "e1", period).tier is Tier.NONE
    desk.enter(Kind.SYSTEM, value="respiratory")
    assert "device" in candidate(desk.programme, "e1", period).because
    desk.enter(Kind.DEVICE, value="confirmed")
    assert candidate(desk.programme, "e1", period).tier is tier


def entered(desk, system="respiratory", status="confirmed", start="2026-01-01T00:00", end=None):
    desk.enter(Kind.SYSTEM, start, end, system)
    desk.enter(Kind.DEVICE, start, end, status)


@pytest.mark.parametrize(
    ("words", "because"),
    [
        ({"system": "other"}, "no code is for system: other"),
        ({"status": "not_confirmed"}, "status is not confirmed"),
        ({"start": "2026-04-20T00:00"}, "nobody entered system and device"),
        ({"end": "2026-03-19T22:00"}, "nobody entered system and device"),
    ],
)
def test_without_the_word_of_a_person_for_that_period_there_is_no_candidate(desk, words, because):
    period = periods(some(20), DAY_ONE)[0]
    entered(desk, **words)
    found = candidate(desk.programme, "e1", period)
    assert (found.tier, because in found.because) == (Tier.NONE, True)


def test_two_systems_for_one_period_are_no_candidate(desk):
    entered(desk)
    desk.enter(Kind.SYSTEM, value="musculoskeletal")
    assert candidate(desk.programme, "e1", periods(some(20), DAY_ONE)[0]).tier is Tier.NONE


def test_without_a_day_there_is_no_period():
    assert periods([], DAY_ONE) == []


def test_periods_follow_each_other_and_hold_each_day_once():
    dates_ = [*some(31), dt.date(2026, 6, 30)]
    found = periods(dates_, dt.date(2026, 7, 1))
    assert [(p.start.isoformat(), p.end.isoformat(), p.monitored) for p in found] == [
        ("2026-03-20", "2026-04-18", 30),
        ("2026-04-19", "2026-05-18", 1),
        ("2026-05-19", "2026-06-17", 0),
        ("2026-06-18", "2026-07-17", 1),
    ]
    assert [period.complete for period in found] == [True, True, True, False]
    assert sum(period.monitored for period in found) == len(dates_)


def test_a_period_is_complete_only_after_its_last_day():
    assert not periods(some(1), dt.date(2026, 4, 18))[0].complete
    assert periods(some(1), dt.date(2026, 4, 19))[0].complete


# Entries that contradict each other


def test_contradictions_are_refused():
    desk = Desk().enrol()
    desk.enrol("e2", "p2")
    with pytest.raises(ValueError, match="is assigned by 5"):
        Programme(desk.entries)
    desk = Desk().enrol()
    desk.enter(Kind.EPISODE, value="p1 s1 Mars/Base", episode="e2")
    with pytest.raises(ValueError, match="no zone"):
        Programme(desk.entries)
    desk = Desk().enrol()
    desk.enter(Kind.ORDER, end="2025-01-01T00:00")
    with pytest.raises(ValueError, match="ends before it starts"):
        Programme(desk.entries)
    desk = Desk().enrol()
    desk.enter(Kind.ORDER, replaces=3)
    with pytest.raises(ValueError, match="of another kind"):
        Programme(desk.entries)
    desk = Desk().enrol()
    desk.enter(Kind.CONSENT, replaces=3)
    desk.enter(Kind.CONSENT, replaces=3)
    with pytest.raises(ValueError, match="not in force"):
        Programme(desk.entries)
    desk = Desk()
    desk.enter(Kind.CONSENT)
    with pytest.raises(ValueError, match="no episode"):
        Programme(desk.entries)
