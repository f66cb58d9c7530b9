"""Diaries: what a line means, and what is no line."""

import pytest

from sim.actions import Action, DiaryError, diary, seconds
from sim.faults import FAULTS, FaultError, make
from sim.patients import MODELS, plan
from sim.scenarios import SCENARIOS

KNOWN = {"open", "close", "take", "press", "service", "reach", "wait", "fault"}


def test_a_line_is_a_time_and_things_in_order():
    found = diary("""
        day 2 08:05:30  open; take 3
        day 1 00:00  d2: press 4
        day 1 12:00  fault broker_down for 2 d
    """)
    assert found == [
        Action(86_400 + 8 * 3600 + 330, "d1", ("open",)),
        Action(86_400 + 8 * 3600 + 330, "d1", ("take", "3")),
        Action(0, "d2", ("press", "4")),
        Action(43_200, "", ("fault", "broker_down", "for", "2", "d")),
    ]


@pytest.mark.parametrize(
    "line",
    ["open", "day 1 open", "day 1 08:00  dance", "day 1 08:00  take", "day 1 08:00  open wide",
     "day 1 08:00  fault", "day 1 08:00  open;"],
)  # fmt: skip
def test_what_is_no_line_is_named(line):
    with pytest.raises(DiaryError, match=line.split()[0]):
        diary(line)


def test_spans():
    assert [seconds("2", unit) for unit in ("s", "min", "h", "d")] == [2, 120, 7200, 172_800]
    for number, unit in (("x", "s"), ("2", "weeks")):
        with pytest.raises(DiaryError, match=number):
            seconds(number, unit)


@pytest.mark.parametrize("model", MODELS)
def test_a_patient_is_the_same_for_a_seed_and_does_what_hands_can(model):
    first, again, other = (plan(model, "d1", seed, 20) for seed in (1, 1, 2))
    assert first == again != other
    assert [a.at for a in first] == sorted(a.at for a in first)
    assert {a.words[0] for a in first} <= KNOWN
    assert all(0 < a.at < 30 * 86_400 for a in first)
    assert all((a.dispenser == "") == (a.words[0] == "fault") for a in first)


def _taken(model, days):
    actions = plan(model, "d1", 5, 40)
    return sum(a.words[0] == "take" and a.at // 86_400 in days for a in actions)


def test_models_live_up_to_their_names():
    assert _taken("regular", range(40)) > _taken("forgetful", range(40)) > 20
    assert _taken("drifting", range(10)) > 2 * _taken("drifting", range(30, 40))
    pressed = [int(a.words[1]) for a in plan("flare-up", "d1", 5, 10) if a.words[0] == "press"]
    assert pressed[0] < pressed[-1]
    assert any(a.words[:2] == ("fault", "cable_out") for a in plan("traveller", "d1", 5, 9))


def test_every_scenario_can_be_read_and_names_faults_that_are():
    assert len(SCENARIOS) >= 20
    for scenario in SCENARIOS.values():
        assert scenario.expect, scenario.name
        for action in scenario.actions(scenario.seed):
            assert action.at <= scenario.days * 86_400 + 4 * 86_400, scenario.name
            assert action.dispenser in ("", *scenario.dispensers)
            if action.words[0] == "fault":
                make(action.words[1])


def test_a_fault_that_is_none_is_named():
    with pytest.raises(FaultError, match=r"no fault 'rust'.*power_cut"):
        make("rust")
    assert all(fault.__doc__ for fault in FAULTS.values())
