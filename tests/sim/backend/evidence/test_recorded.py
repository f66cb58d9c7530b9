"""Adherence days, prompts and figures from verified records."""

import datetime as dt

import pytest

from sim.backend.evidence.adherence import figures
from sim.backend.evidence.dates import Span
from sim.backend.evidence.days import Plan, Regimen
from sim.backend.evidence.entries import Kind
from sim.backend.evidence.events import Key, events
from sim.backend.evidence.monitored import Reason, refill_name
from sim.backend.evidence.prompts import Answer, answers
from sim.backend.evidence.recorded import compartment_days, patient_days, recorded
from tests.sim.backend.evidence.journal import EXPIRED, ID, PROMPT, REFILL, Journal
from tests.sim.backend.evidence.people import Desk

SPAN = Span(dt.date(2026, 3, 1), dt.date(2026, 3, 4))
DAILY = Plan([SPAN], [Regimen(SPAN, 1)])


@pytest.fixture
def journal():
    made = Journal(zone="Europe/Zurich")
    made.set("2026-03-01T00:01")
    return made


@pytest.fixture
def desk():
    return Desk().enrol()


def of(desk, journal, **more):
    return recorded(desk.programme, "e1", events(journal.rows), **more)


def drawn(found, compartment=1) -> list[str]:
    return [access.date.isoformat() for access in found.accesses.get(compartment, [])]


def test_half_past_one_is_the_evening_before(journal, desk):
    journal.dose("2026-03-02T01:30")
    assert drawn(of(desk, journal)) == ["2026-03-01"]
    assert drawn(of(desk, journal, cut=dt.time(0))) == ["2026-03-02"]


def test_repeats_of_one_compartment_are_merged_others_are_not(journal, desk):
    for second, compartment in ((0, 1), (30, 1), (31, 2), (59, 1), (60, 1)):
        at = f"2026-03-02T08:{second // 60:02}:{second % 60:02}"
        journal.dose(at, compartment)
    found = of(desk, journal)
    assert (len(found.accesses[1]), len(found.accesses[2]), found.repeats) == (2, 1, 2)


def test_uncertain_over_the_day_cut_is_of_no_day(journal, desk):
    journal.dose("2026-03-03T03:00:02")  # 51 hours after the setting: 18 s of drift
    found = of(desk, journal)
    assert (found.accesses, found.not_counted) == ({}, [(Key(ID, 7, 1), Reason.MIDNIGHT)])


def test_refill_mode_is_kept_apart(journal, desk):
    journal.dose("2026-03-02T08:00", mode=REFILL)
    found = of(desk, journal)
    assert (found.accesses, found.not_counted) == ({}, [(Key(ID, 7, 1), Reason.REFILL)])


def test_a_possible_refill_waits_for_a_person(journal, desk):
    journal.lid("2026-03-02T08:00")
    journal.dose("2026-03-02T08:01")
    key = Key(*(journal.possible_refill("2026-03-02T08:02").dispenser, 7, 3))
    found = of(desk, journal)
    assert (drawn(found), found.undecided) == (["2026-03-02"], [key])
    desk.enter(Kind.REFILL, value=refill_name(key))
    found = of(desk, journal)
    assert (drawn(found), found.undecided) == ([], [])


def test_a_patients_day_needs_every_compartment(journal, desk):
    journal.dose("2026-03-01T08:00", 1)
    journal.dose("2026-03-01T08:00", 2)
    journal.dose("2026-03-02T08:00", 1)
    days = compartment_days({1: DAILY, 2: DAILY}, of(desk, journal))
    assert list(patient_days(days).values()) == [True, False, False, False]
    assert figures(days[1]).implementation.part == 2


def test_six_missed_days_are_missed(journal, desk):
    for day in (1, 8):
        journal.dose(f"2026-03-{day:02}T08:00")
    span = Span(dt.date(2026, 3, 1), dt.date(2026, 3, 8))
    days = compartment_days({1: Plan([span], [Regimen(span, 1)])}, of(desk, journal))[1]
    assert [day.implemented for day in days] == [True, *[False] * 6, True]


# Prompts


def shown(journal, at, prompt, question=1):
    return journal.write(at, PROMPT, b"\0\1" + bytes([question]) + prompt.to_bytes(4) + b"\1")


def expired(journal, at, prompt, question=1):
    data = b"\0\1" + bytes([question]) + prompt.to_bytes(4) + b"\1"
    return journal.write(at, EXPIRED, data)


def test_prompts_are_paired_by_id_never_by_time(journal):
    shown(journal, "2026-03-01T08:00", 5)
    shown(journal, "2026-03-01T08:01", 6)
    journal.response("2026-03-01T08:02", button=3, question=1, prompt=5)
    journal.response("2026-03-01T08:02", button=4)
    expired(journal, "2026-03-01T09:00", 6)
    shown(journal, "2026-03-01T10:00", 7, question=2)
    found = answers(events(journal.rows))
    assert [(p.prompt, p.question, p.answer) for p in found.prompts] == [
        (5, 1, Answer.ANSWERED),
        (6, 1, Answer.EXPIRED),
        (7, 2, Answer.OPEN),
    ]
    assert found.prompts[0].response.data.button == 3
    assert [event.data.button for event in found.unprompted] == [4]


def test_of_a_corrected_response_the_later_counts_and_both_stay(journal):
    shown(journal, "2026-03-01T08:00", 5)
    journal.response("2026-03-01T08:01:00", button=1, question=1, prompt=5)
    journal.response("2026-03-01T08:01:04", button=2, question=1, prompt=5, corrects=1)
    journal.response("2026-03-01T09:00:00", button=3)
    journal.response("2026-03-01T09:00:03", button=4, corrects=1)
    found = answers(events(journal.rows))
    prompted = found.prompts[0]
    assert prompted.response.data.button == 2
    assert [event.data.button for event in prompted.corrected] == [1]
    assert [event.data.button for event in found.unprompted] == [4]
    assert [event.data.button for event in found.corrected] == [3]


def test_an_answer_to_another_question_is_no_answer(journal):
    shown(journal, "2026-03-01T08:00", 5, question=1)
    journal.response("2026-03-01T08:01", button=1, question=2, prompt=5)
    found = answers(events(journal.rows))
    assert [(p.question, p.answer, p.shown is None) for p in found.prompts] == [
        (1, Answer.OPEN, False),
        (2, Answer.ANSWERED, True),
    ]


def test_prompt_ids_of_two_dispensers_are_not_mixed(journal):
    other = Journal(id="ffffffffffffffff")
    shown(journal, "2026-03-01T08:00", 5)
    other.response("2026-03-01T08:01", question=1, prompt=5)
    found = answers(events(journal.rows + other.rows))
    assert [p.answer for p in found.prompts] == [Answer.OPEN, Answer.ANSWERED]
