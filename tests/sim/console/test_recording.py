"""What was done in the console becomes a scenario with the same pauses."""

from types import SimpleNamespace

from sim.actions import Action
from sim.console.recording import BEGIN_S, Recording
from sim.ledger import Stimulus
from sim.stage import FIRST_S

T = 1_790_000_000_123_456_000
SECOND = 10**9


def world(**more: object) -> SimpleNamespace:
    fields = {"seed": 7, "dispensers": {"d1": 0, "d2": 0}, "gateways": {"gw-1": 0}}
    return SimpleNamespace(**{**fields, "cell": None, "modem": None, **more})


def test_the_first_thing_comes_when_the_world_is_settled_and_pauses_stay() -> None:
    recording = Recording()
    recording.add(T + 25 * 3600 * SECOND, "fault broker_down")
    recording.add(T + SECOND, "tech question d1")
    touched = [
        Stimulus(T, "d1", "lid", True),
        Stimulus(T + 1_500_075_000, "d2", "button4", False),
    ]
    scenario = recording.scenario(world(), touched)
    assert scenario.actions(7) == [
        Action(BEGIN_S, "d1", ("touch", "lid", "on")),
        Action(BEGIN_S + 1, "", ("tech", "question", "d1")),
        Action(BEGIN_S + 1.500075, "d2", ("touch", "button4", "off")),
        Action(BEGIN_S + 25 * 3600, "", ("fault", "broker_down")),
    ]
    assert scenario.days * 86_400 > BEGIN_S + 25 * 3600
    assert BEGIN_S > FIRST_S
    assert (scenario.seed, scenario.cell, scenario.modem) == (7, False, False)


def test_a_worlds_cell_and_modem_are_in_the_scenario() -> None:
    scenario = Recording().scenario(world(cell=object(), modem=object()), [])
    assert (scenario.cell, scenario.modem) == (True, True)


def test_nothing_done_is_a_scenario_too() -> None:
    assert Recording().scenario(world(), []).actions(1) == []
