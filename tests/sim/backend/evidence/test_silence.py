"""Silence: each cause with its evidence; only a dispenser awake all day lets a dose be missed."""

import datetime as dt
import struct
import zoneinfo

import pytest

from sim.backend.evidence.events import events
from sim.backend.evidence.silence import Cause, Link, LinkState, Watch
from tests.sim.backend.evidence.journal import ID, Journal, ms

UTC = zoneinfo.ZoneInfo("UTC")
POWER, FAULT, BATTERY = 9, 13, 0


@pytest.fixture
def journal():
    made = Journal()
    made.set("2026-03-01T00:01")
    return made


def of(journal, day, *links):
    watch = Watch(events(journal.rows), lambda event: event.date(UTC), links)
    return watch.of(dt.date(2026, 3, day), ms(f"2026-03-{day + 1:02}T00:00"), [ID])


def beats(journal, *days, **more):
    for day in days:
        for hour in ("04", "10", "16", "22"):
            journal.heartbeat(f"2026-03-{day:02}T{hour}:00", **more)


def test_six_missed_days_are_missed_when_the_dispenser_was_awake(journal):
    beats(journal, *range(1, 9))
    found = [of(journal, day) for day in range(2, 8)]
    assert [(one.cause, one.missed, len(one.evidence)) for one in found] == [
        (Cause.ABSENT, True, 4)
    ] * 6


def test_the_same_days_with_nothing_heard_are_no_missed_days(journal):
    beats(journal, 1)
    found = [of(journal, day) for day in range(2, 8)]
    assert {(one.cause, one.missed) for one in found} == {(Cause.WAITING, False)}


def test_unplugged_when_the_last_word_was_battery(journal):
    beats(journal, 1)
    journal.write("2026-03-01T23:00", POWER, struct.pack(">BH", BATTERY, 4200))
    assert (of(journal, 4).cause, of(journal, 4).missed) == (Cause.UNPLUGGED, False)


def test_a_day_on_battery_is_unplugged(journal):
    beats(journal, 1, 2, 3, source=BATTERY)
    assert of(journal, 2).cause is Cause.UNPLUGGED


@pytest.mark.parametrize("hole", ["boot", "missing", "end"])
def test_a_day_with_hours_unseen_is_not_known(journal, hole):
    beats(journal, 1, 2)
    if hole == "boot":
        journal.new_boot()
    if hole == "missing":
        journal.next += 1
    if hole != "end":
        beats(journal, 3)
    assert (of(journal, 2).cause, of(journal, 2).missed) == (Cause.WAITING, False)


def test_a_fault_is_a_fault(journal):
    beats(journal, 1, 2)
    journal.write("2026-03-02T23:00", FAULT, struct.pack(">BBI", 1, 1, 0))
    beats(journal, 3)
    assert of(journal, 2).cause is Cause.FAULT


STUCK, CRASH = 1, 7


@pytest.mark.parametrize(("kind", "missed"), [(STUCK, False), (CRASH, True)])
def test_a_blind_input_lets_nothing_be_missed_until_a_new_boot(journal, kind, missed):
    journal.write("2026-03-01T23:00", FAULT, struct.pack(">BBI", kind, 1, 0))
    beats(journal, 2, 3, 4)
    assert of(journal, 3).missed is missed
    assert of(journal, 3).cause is (Cause.ABSENT if missed else Cause.FAULT)
    journal.new_boot()
    journal.set("2026-03-05T00:01")
    beats(journal, 5, 6, 7)
    assert of(journal, 6).missed


def test_of_two_dispensers_both_must_have_been_awake(journal):
    beats(journal, 1, 2, 3)
    day = dt.date(2026, 3, 2)
    watch = Watch(events(journal.rows), lambda event: event.date(UTC))
    assert watch.of(day, 0, [ID]).missed
    assert not watch.of(day, 0, [ID, "ffffffffffffffff"]).missed
    assert not watch.of(day, 0, []).missed


def test_what_was_reached_in_the_morning_says_nothing_of_an_unseen_evening(journal):
    beats(journal, 1)
    journal.dose("2026-03-02T08:00")
    found = of(journal, 2)
    assert (found.cause, found.missed) == (Cause.NONE, False)


@pytest.mark.parametrize(
    ("link", "cause"),
    [
        (Link.NO_SIGNAL, Cause.SIGNAL),
        (Link.NO_NETWORK, Cause.NETWORK),
        (Link.OFFLINE, Cause.GATEWAY),
        (Link.ONLINE, Cause.WAITING),
    ],
)
def test_the_gateways_word_explains_what_has_not_come(journal, link, cause):
    states = [LinkState(ms("2026-03-01T00:00"), Link.ONLINE)]
    states.append(LinkState(ms("2026-03-03T12:00"), link))
    assert of(journal, 3, *states).cause is cause
    assert not of(journal, 3, *states).missed
    assert of(journal, 2, *states).cause is Cause.WAITING


def test_three_weeks_without_uplink_are_whole_afterwards(journal):
    journal.late_ms = 21 * 86_400_000
    beats(journal, 1)
    for day in range(2, 22):
        journal.dose(f"2026-03-{day:02}T08:00")
    found = [of(journal, day) for day in range(2, 22)]
    assert {(one.cause, one.late) for one in found} == {(Cause.NONE, True)}
