"""What a dispenser must record of itself, by ledgers made by hand."""

import pytest

from protocol.schema import FaultKind, PowerSource, TamperKind
from tests.sim.ledgers import Deed, press, told, whole

USB, BATTERY = int(PowerSource.usb), int(PowerSource.battery)
STUCK, BEAM = int(FaultKind.stuck), int(TamperKind.beam_without_lid)
LID, BEAM1, BUTTON0 = 0, 1, 5  # bits of a STATE record
ON: Deed = ("00:00:00", "on")


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        ("00:00:59", []),
        ("00:01:02", [("00:00:00", "boot", "boot")]),  # it may have got that far
        ("00:01:30", [("00:00:00", "boot")]),
    ],
)
def test_a_boot_is_told_after_a_minute(cut: str, expected: list[tuple[str, ...]]) -> None:
    assert told(whole([ON, (cut, "cut")], "00:10:00"), "boot") == expected


def test_a_short_boot_is_told_if_something_happened() -> None:
    deeds = [ON, *press("00:00:20", 1), ("00:00:30", "cut")]
    assert told(whole(deeds, "00:10:00"), "boot") == [("00:00:00", "boot")]


def test_each_boot_is_told_for_itself() -> None:
    deeds: list[Deed] = [ON, ("00:05:00", "cut"), ("00:06:00", "on"), ("00:09:00", "cut")]
    found = whole(deeds, "00:10:00")
    assert told(found, "boot") == [("00:00:00", "boot"), ("00:06:00", "boot")]
    assert [r.boot for r in found if r.kind == "boot"] == [0, 1]


def test_heartbeats_count_from_the_boot() -> None:
    deeds: list[Deed] = [ON, ("07:00:00", "cut"), ("07:30:00", "on")]
    assert told(whole(deeds, "20:00:00"), "heartbeat") == [
        ("06:00:00", "heartbeat"), ("13:30:00", "heartbeat"), ("19:30:00", "heartbeat"),
    ]  # fmt: skip
    assert told(whole([ON], "06:00:05"), "heartbeat") == [("06:00:00", "heartbeat", "end")]
    assert told(whole([ON], "05:59:59"), "heartbeat") == []


def test_the_cable() -> None:
    deeds: list[Deed] = [ON, ("01:00:00", "pull"), ("02:00:00", "plug")]
    expected = [("01:00:00", "power", BATTERY), ("02:00:00", "power", USB)]
    assert told(whole(deeds, "03:00:00"), "power") == expected
    # too short to be surely looked at twice
    short = told(whole([ON, ("01:00:00", "pull"), ("01:00:05", "plug")], "03:00:00"), "power")
    assert short == [("01:00:00", "power", BATTERY, "cut"), ("01:00:05", "power", USB)]
    # while it was off: no change that it could have seen
    off: list[Deed] = [ON, ("01:00:00", "cut"), ("01:10:00", "pull"), ("01:20:00", "on")]
    assert told(whole(off, "03:00:00"), "power") == []


@pytest.mark.parametrize(
    ("name", "subject", "until", "expected"),
    [
        ("button0", BUTTON0, "10:04:59", []),
        ("button0", BUTTON0, "10:06:00", [("10:05:00", 300)]),
        ("lid", LID, "23:59:59", []),
    ],
)
def test_stuck(name: str, subject: int, until: str, expected: list[tuple[str, int]]) -> None:
    found = whole([ON, ("10:00:00", name, True), (until, name, False)], "24:00:00")
    rows = [(t, "fault", STUCK, subject, limit) for t, limit in expected]
    assert told(found, "fault") == rows


def test_a_lid_is_stuck_after_a_day_also_from_a_boot_on() -> None:
    deeds: list[Deed] = [ON, ("10:00:00", "lid", True), ("11:00:00", "cut"), ("12:00:00", "on")]
    assert told(whole(deeds, "36:00:30"), "fault") == [
        ("36:00:00", "fault", STUCK, LID, 86_400),
    ]  # fmt: skip


def test_a_beam_is_stuck_only_where_it_is_looked_at() -> None:
    opened: list[Deed] = [ON, ("10:00:00", "lid", True), ("10:01:00", "beam1", True)]
    assert told(whole(opened, "10:20:00"), "fault") == [
        ("10:11:00", "fault", STUCK, BEAM1, 600),
    ]  # fmt: skip
    assert told(whole([ON, ("10:01:00", "beam1", True)], "10:20:00"), "fault") == []


@pytest.mark.parametrize(
    ("deeds", "expected"),
    [
        ([("10:01:30", "beam1", False)], [("10:00:00", "tamper", BEAM, BEAM1)]),
        ([("10:00:30", "beam1", False)], [("10:00:00", "tamper", BEAM, BEAM1, "pulse")]),
        ([("10:00:30", "lid", True)], [("10:00:00", "tamper", BEAM, BEAM1, "pulse")]),
    ],
)
def test_a_beam_without_the_lid(deeds: list[Deed], expected: list[tuple[object, ...]]) -> None:
    found = whole([ON, ("10:00:00", "beam1", True), *deeds], "10:05:00")
    assert told(found, "tamper") == expected


def test_a_beam_with_the_lid_open_is_no_tampering() -> None:
    deeds: list[Deed] = [ON, ("09:59:00", "lid", True), ("10:00:00", "beam1", True)]
    assert told(whole(deeds, "10:05:00"), "tamper") == []


def test_nothing_is_expected_after_the_end() -> None:
    assert told(whole([ON, *press("10:00:00", 1)], "09:00:00"), "response") == []
