"""Dose windows in the table of what must be recorded, by ledgers made by hand."""

import pytest

from protocol.schema import Relation, ReminderStep, Window
from tests.sim.ledgers import DAILY, DAY_S, Deed, press, reach, settings, told, whole

LIGHT, CHIME, STOPPED = map(int, (ReminderStep.light, ReminderStep.chime, ReminderStep.stopped))
NONE, IN, OUT = map(int, (Relation.none, Relation.in_window, Relation.out_of_window))
EXCESS, WRONG = int(Relation.excess), int(Relation.wrong_compartment)
TIME_BASE = 1_704_067_200  # 2024-01-01, from which the wire counts
THURSDAY = 1 << 3
MORNING = Window(1, 1, DAILY, 9 * 60, 60, 0)
NINE = DAY_S + 9 * 3600 - TIME_BASE
ON: Deed = ("00:00:00", "on")
ALL = [
    ("09:00:00", "reminder", 1, LIGHT), ("09:10:00", "reminder", 1, CHIME),
    ("09:30:00", "reminder", 1, STOPPED), ("10:00:00", "window_missed", 1, 1, NINE),
]  # fmt: skip


def day(deeds: list[Deed], *windows: Window, **other: int) -> list[tuple[object, ...]]:
    found = whole([ON, *deeds], "23:59:00", settings(*windows, **other))
    return told(found, "reminder", "window_missed", "dose")


def test_a_window_that_nobody_uses() -> None:
    assert day([], MORNING) == ALL


def test_what_is_taken_ends_the_reminders() -> None:
    dose = ("09:05:01", "dose", 1, 1, IN)
    assert day(reach("09:05:00", 1), MORNING) == [ALL[0], dose]
    late = ("09:45:01", "dose", 1, 1, IN)
    assert day(reach("09:45:00", 1), MORNING) == [*ALL[:3], late]


def test_once_more_another_one_and_at_another_time() -> None:
    deeds = [*reach("08:30:00", 1), *reach("09:05:00", 4), *reach("09:06:00", 1)]
    deeds += [*reach("09:40:00", 1), *reach("09:50:00", 4)]
    doses = [row for row in day(deeds, MORNING) if row[1] == "dose"]
    assert doses == [
        ("08:30:01", "dose", 1, 0, OUT), ("09:05:01", "dose", 4, 1, WRONG),
        ("09:06:01", "dose", 1, 1, IN), ("09:40:01", "dose", 1, 1, EXCESS),
        ("09:50:01", "dose", 4, 0, OUT),
    ]  # fmt: skip


def test_at_a_windows_edge_it_is_open_on_which_side() -> None:
    (dose,) = (row for row in day(reach("09:00:00", 1), MORNING) if row[1] == "dose")
    assert dose == ("09:00:01", "dose", 1, 1, IN, "edge")


def test_a_short_window_divides_itself() -> None:
    short = Window(1, 1, DAILY, 9 * 60, 15, 0)
    steps = [row[:2] for row in day([], short)]
    assert steps == [
        ("09:00:00", "reminder"), ("09:05:00", "reminder"), ("09:10:00", "reminder"),
        ("09:15:00", "window_missed"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("other", "steps"),
    [
        ({"reminders": 0}, []),
        ({"reminders": 1}, [LIGHT, STOPPED]),
        ({"volume": 0}, [LIGHT, STOPPED]),
        ({"quiet_end": 9 * 60 + 5}, [CHIME, STOPPED]),
        ({"quiet_end": 9 * 60 + 15}, [STOPPED]),
    ],
)
def test_what_settings_keep_back(other: dict[str, int], steps: list[int]) -> None:
    found = day([], MORNING, **other)
    assert [row[3] for row in found if row[1] == "reminder"] == steps
    assert found[-1] == ALL[-1]


def test_a_window_that_may_be_in_quiet_hours_has_light_only() -> None:
    found = day([], Window(1, 1, DAILY, 22 * 60, 60, 1))
    assert [(row[0], row[-1]) for row in found] == [
        ("22:00:00", LIGHT), ("22:30:00", STOPPED), ("23:00:00", NINE + 13 * 3600),
    ]  # fmt: skip


def test_only_on_its_weekdays() -> None:
    assert day([], Window(1, 1, THURSDAY, 9 * 60, 60, 0)) == ALL
    assert day([], Window(1, 1, DAILY - THURSDAY, 9 * 60, 60, 0)) == []


def test_a_boot_within_leaves_the_window_undecided() -> None:
    found = day([("09:20:00", "cut"), ("09:20:30", "on")], MORNING)
    assert found == [(*row, "window") for row in ALL]


def test_a_refill_within_leaves_the_window_undecided_and_has_no_relation() -> None:
    deeds: list[Deed] = [("09:20:00", "service", True), ("09:20:01", "service", False)]
    found = day([*deeds, *reach("09:20:10", 1)], MORNING)
    assert ("09:20:11", "dose", 1, 0, NONE) in found
    assert [row for row in found if row[1] != "dose"] == [(*row, "window") for row in ALL]


def test_a_press_is_nothing_to_a_window() -> None:
    assert day(press("09:05:00", 1), MORNING) == ALL
