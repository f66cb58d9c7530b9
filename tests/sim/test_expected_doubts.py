"""Inputs that cannot be believed, the zone and the clock, by ledgers made by hand."""

import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest

from protocol import schema
from protocol.schema import FaultKind, TimeSource
from sim.expected.clock import Said
from sim.expected.whole import whole_records
from sim.expected.zone import local, moment
from tests.sim.ledgers import DEBOUNCE, NAME, Deed, ledger, ns, press, settings, told, whole

CHATTER, IMPOSSIBLE, CLOCK = (
    int(FaultKind.chatter), int(FaultKind.impossible), int(FaultKind.clock),
)  # fmt: skip
LID, BUTTON0, NONE = 0, 5, 255
ON: Deed = ("00:00:00", "on")
BEAMS = [f"beam{n}" for n in range(1, 5)]


def bouncing(name: str, start: int, every_ms: int, count: int) -> list[Deed]:
    """So many edges, the first of them active; `start` in s of the day."""
    times = [start * 1000 + n * every_ms for n in range(count)]
    return [
        (f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms / 1000 % 60:06.3f}", name, n % 2 == 0)
        for n, ms in enumerate(times)
    ]


def test_a_reed_that_chatters_for_a_minute_is_one_fault() -> None:
    found = whole([ON, *bouncing("lid", 36_000, 20, 3_000)], "11:00:00")
    assert told(found, "fault") == [("10:00:00", "fault", CHATTER, LID, 0)]
    assert told(found, "lid_opened", "lid_closed") == []


def test_the_level_that_is_left_counts_from_the_last_edge() -> None:
    deeds = [ON, *bouncing("lid", 36_000, 20, 3_001), ("10:02:00", "lid", False)]
    found = whole(deeds, "11:00:00")
    opened, closed = told(found, "lid_opened", "lid_closed")
    assert opened == ("10:01:00", "lid_opened") and closed[0] == "10:02:00"
    (record,) = [r for r in found if r.kind == "lid_closed"]
    assert record.duration == 60_000


def test_contact_bounce_is_no_chatter() -> None:
    deeds = [ON, *bouncing("button2", 36_000, 20, 21), ("10:00:05", "button2", False)]
    assert told(whole(deeds, "11:00:00"), "fault", "response") == [
        ("10:00:00", "response", 2, 0, 0, 0)
    ]


def test_a_button_that_changes_too_often_is_one_response_and_one_fault() -> None:
    found = whole([ON, *bouncing("button0", 36_000, 200, 1_000)], "11:00:00")
    # 600 in hand, four more in the two minutes
    assert told(found, "fault") == [("10:02:00", "fault", CHATTER, BUTTON0, 600)]
    assert told(found, "response") == [("10:00:00", "response", 0, 0, 0, 0)]


def test_it_is_believed_again_after_a_minute() -> None:
    deeds = [ON, *bouncing("button0", 36_000, 200, 1_000), *press("10:05:00", 0)]
    assert told(whole(deeds, "11:00:00"), "response")[1:] == [("10:05:00", "response", 0, 0, 0, 0)]


def dark(start: str, end: str) -> list[Deed]:
    return [(t, beam, on) for t, on in ((start, True), (end, False)) for beam in BEAMS]


def test_beams_that_are_all_dark_when_they_are_lit_are_no_doses() -> None:
    deeds = [*dark("10:00:00", "10:00:05"), ("10:00:01", "lid", True), ("10:00:08", "lid", False)]
    found = whole([ON, *sorted(deeds, key=lambda deed: deed[0])], "11:00:00")
    assert told(found, "dose", "dose_end", "tamper") == []
    assert told(found, "fault") == [
        ("10:00:00", "fault", IMPOSSIBLE, NONE, 30, "pulse"),
        ("10:00:01", "fault", IMPOSSIBLE, NONE, 30),
    ]


def test_three_at_once_are_hands() -> None:
    deeds = [ON, *((f"10:00:0{n}", beam, True) for n, beam in enumerate(BEAMS[:3]))]
    deeds += [("10:00:05", "lid", True), ("10:00:06", "lid", False)]
    assert len(told(whole(deeds, "11:00:00"), "dose")) == 3


def test_all_beams_dark_for_a_minute_under_the_lid_are_one_fault() -> None:
    found = whole([ON, *dark("10:00:00", "10:03:00")], "11:00:00")
    assert told(found, "fault", "tamper") == [("10:00:00", "fault", IMPOSSIBLE, NONE, 30)]


@pytest.mark.parametrize(
    "start", [datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)]
)
def test_local_times_are_those_of_a_real_zone(start: datetime) -> None:
    """Berlin over both of its clock changes, by Python's own zone."""
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    base, seconds = datetime(2024, 1, 1, tzinfo=UTC), schema.TIME_BASE
    zone = [schema.Transition(0, 1500)]
    for change, offset in (
        (datetime(2026, 3, 29, 1, tzinfo=UTC), 1560),
        (datetime(2026, 10, 25, 1, tzinfo=UTC), 1500),
    ):
        zone.append(schema.Transition(int(change.timestamp()) - seconds, offset))
    said = settings()
    said.transitions = zone
    seen: dict[tuple[int, int], int] = {}
    for passed in range(3 * 1440):
        now = start + timedelta(minutes=passed)
        wall = now.astimezone(berlin)
        today = (wall.date() - base.date()).days
        at = int(now.timestamp()) * 10**9
        assert local(said, at) == (today, (wall.hour * 60 + wall.minute) * 60)
        seen.setdefault((today, wall.hour * 60 + wall.minute), at)
    for (today, minute), at in seen.items():
        assert moment(said, today, minute) == at, "the first of two"


def test_a_time_that_is_skipped_is_when_the_clocks_go_forward() -> None:
    said = settings()
    forward = schema.Transition((ns("04:00:00") // 10**9) - schema.TIME_BASE, 1500)
    said.transitions = [schema.Transition(0, 1440), forward]
    day = local(said, ns("12:00:00"))[0]
    assert moment(said, day, 3 * 60 + 59) == ns("03:59:00")
    assert moment(said, day, 4 * 60 + 30) == ns("04:00:00")
    assert moment(said, day, 5 * 60 + 30) == ns("04:30:00")


def test_what_the_clock_is_told() -> None:
    gateway = TimeSource.gateway
    said = [
        Said(ns("10:00:00"), ns("10:00:00"), 50, gateway),
        Said(ns("11:00:00"), ns("11:00:00.1"), 50, gateway),
        Said(ns("12:00:00"), ns("12:07:00"), 50, gateway),
        Said(ns("13:00:00"), ns("13:00:00") - 3 * 86_400 * 10**9, 50, gateway),
        Said(ns("13:01:00"), ns("13:00:00") - 4 * 86_400 * 10**9, 50, gateway),
        Said(ns("14:00:00"), ns("14:00:00"), 50, gateway),
    ]
    deeds = [ON, *press("12:30:00", 1), *press("15:00:00", 1)]
    found = whole_records(ledger(deeds), NAME, DEBOUNCE, settings(), ns("16:00:00"), said)
    assert [line[0] for line in told(found, "time_set")] == ["10:00:00", "12:07:00", "14:00:00"]
    assert [(line[0], line[2]) for line in told(found, "fault")] == [("13:07:00", CLOCK)]
    assert [line[0] for line in told(found, "response")] == ["12:37:00", "15:00:00"]


def test_each_boot_is_told_the_time_for_the_first_time() -> None:
    said = [
        Said(ns(f"{hour}:00:00"), ns(f"{hour}:00:00"), 9, TimeSource.gateway) for hour in (10, 12)
    ]
    deeds: list[Deed] = [ON, ("11:00:00", "cut"), ("11:00:10", "on")]
    found = whole_records(ledger(deeds), NAME, DEBOUNCE, settings(), ns("16:00:00"), said)
    assert [line[0] for line in told(found, "time_set")] == ["10:00:00", "12:00:00"]
