"""Refills in the ledger's table: begun by the button, ended by button, time or lid."""

from typing import Any

from sim.expected import Expected, debounce_ms, expected_records
from sim.ledger import Entry, Power, Stimulus

MS = 1_000_000
STARTED, ENDED, POSSIBLE = 1, 2, 3
BUTTON, TIMEOUT, LID, PATTERN = 1, 2, 3, 4


def records(*events: tuple[Any, ...]) -> list[Expected]:
    entries: list[Entry] = [Power(t=0, dispenser="d1", power="on")]
    for ms, what, active in events:
        entries.append(Stimulus(t=ms * MS, dispenser="d1", input=what, active=active))
    return expected_records(entries, debounce_ms())


def told(found: list[Expected]) -> list[tuple[Any, ...]]:
    return [(r.kind, *(v for _, v in r.fields), r.t // MS, r.mode) for r in found]


def service(at: int) -> list[tuple[Any, ...]]:
    return [(at, "service", True), (at + 200, "service", False)]


def test_a_refill_ends_a_minute_after_the_lid_and_all_in_it_is_of_its_mode() -> None:
    found = records(
        *service(10_000), (20_000, "lid", True), (21_000, "beam1", True), (21_400, "beam1", False),
        (90_000, "lid", False), (200_000, "button1", True), (200_100, "button1", False),
    )  # fmt: skip
    assert told(found) == [
        ("refill", STARTED, BUTTON, 0, 10_000, 1),
        ("lid_opened", 20_000, 1),
        ("dose", 1, 21_000, 1),
        ("dose_end", 1, 1, 21_400, 1),
        ("lid_closed", 1, 90_000, 1),
        ("refill", ENDED, LID, 0, 150_000, 1),
        ("response", 1, 0, 0, 0, 200_000, 0),
    ]


def test_a_lid_opened_again_keeps_the_refill_and_ten_minutes_end_it() -> None:
    lid = [(20_000, True), (30_000, False), (80_000, True), (700_000, False)]
    found = records(*service(10_000), *[(t, "lid", on) for t, on in lid])
    refills = [entry for entry in told(found) if entry[0] == "refill"]
    assert refills == [
        ("refill", STARTED, BUTTON, 0, 10_000, 1),
        ("refill", ENDED, TIMEOUT, 0, 610_030, 1),
        ("refill", POSSIBLE, PATTERN, 0, 610_030, 0),
    ]


def test_the_button_ends_it_and_begins_the_next() -> None:
    found = records(*service(10_000), *service(40_000), *service(70_000), (80_000, "lid", True))
    refills = [entry[1:] for entry in told(found) if entry[0] == "refill"]
    assert refills[:3] == [
        (STARTED, BUTTON, 0, 10_000, 1),
        (ENDED, BUTTON, 0, 40_000, 1),
        (STARTED, BUTTON, 0, 70_000, 1),
    ]


def test_three_compartments_in_a_refill_are_not_suspected() -> None:
    hands = [(t, f"beam{n}", on) for n in range(1, 4) for t, on in
             ((20_000 + n * 1000, True), (20_400 + n * 1000, False))]  # fmt: skip
    found = records(*service(10_000), (20_000, "lid", True), *hands, (30_000, "lid", False))
    assert POSSIBLE not in [r.fields[0][1] for r in found if r.kind == "refill"]
    found = records((20_000, "lid", True), *hands, (30_000, "lid", False))
    assert POSSIBLE in [r.fields[0][1] for r in found if r.kind == "refill"]
