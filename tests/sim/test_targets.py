"""Board targets: what `--board` says, and which stories cannot be played on one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import targets
from sim.board.serial import SerialSpec
from sim.scenario import Scenario
from sim.scenarios import SCENARIOS

FIXTURE = "serial:/dev/ttyACM0,fixture=/dev/ttyACM1"
BY_HAND = "serial:/dev/ttyACM0,by-hand"


def test_a_target_is_read_as_it_is_written():
    assert targets.parse("emulated") is None
    assert targets.parse(FIXTURE) == SerialSpec(
        FIXTURE, Path("/dev/ttyACM0"), Path("/dev/ttyACM1"), by_hand=False
    )
    both = targets.parse(f"{FIXTURE},by-hand")
    assert both.by_hand and both.fixture
    assert both.loose_ms == 0 and targets.parse(BY_HAND).loose_ms == 5000


@pytest.mark.parametrize(
    "text",
    ["serial:", "serial:/dev/x", "serial:/dev/x,fixture=", "serial:/dev/x,fixture=a,fixture=b",
     "serial:,by-hand", "serial:/dev/x,by-foot", "serial:/dev/x,by-hand,by-hand", "pico", ""],
)  # fmt: skip
def test_what_is_no_target_is_told_in_one_line_that_shows_how(text):
    with pytest.raises(targets.TargetError) as told:
        targets.parse(text)
    assert "\n" not in str(told.value) and "serial:PORT" in str(told.value)


@given(st.text(max_size=40))
def test_whatever_is_said_is_a_target_or_told(text):
    for word in (text, f"serial:{text}"):
        try:
            targets.parse(word)
        except targets.TargetError as error:
            assert str(error)


def test_an_emulated_board_plays_all_that_the_machine_can(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert [s.name for s in SCENARIOS.values() if targets.lacks(s, "emulated")] == []
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    lacking = {s.name: told for s in SCENARIOS.values() if (told := targets.lacks(s, "emulated"))}
    assert lacking == {"disk-full-and-then-lost": "this machine lacks: small disk"}


@pytest.mark.parametrize(
    ("name", "fixture", "by_hand"),
    [
        ("changed-mind", "", "quick inputs"),
        ("refill-by-caregiver", "", ""),
        ("broker-away", "", ""),
        ("cut-with-the-lid-open", "power", ""),
        ("house-move", "cable, virtual time", "virtual time"),
        ("lost-right-after-ack", "cable, line, power, virtual time", "line, virtual time"),
        ("cut-inside-a-write", "flash cut, power", "flash cut"),
        ("brown-out-night", "power, quick power", "quick power"),
        ("rtc-drifts", "rtc, virtual time", "rtc, virtual time"),
    ],
)
def test_a_real_board_says_what_it_lacks(name, fixture, by_hand):
    for board, lacks in ((FIXTURE, fixture), (BY_HAND, by_hand)):
        told = f"board {board} lacks: {lacks}" if lacks else ""
        assert targets.lacks(SCENARIOS[name], board) == told


def test_a_real_board_is_one_dispenser():
    two = Scenario("two", "", 0.01, dispensers=("d1", "d2"))
    assert targets.lacks(two, FIXTURE) == f"board {FIXTURE} is one dispenser, not 2"
