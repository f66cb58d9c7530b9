"""What was done by hand becomes a scenario with the same pauses."""

from sim.actions import Action
from sim.console.recording import Recording
from sim.stage import FIRST_S

T = 1_790_000_000_123_456_789
SECOND = 10**9


def test_the_first_touch_comes_when_the_world_is_settled_and_pauses_stay() -> None:
    recording = Recording()
    recording.add(T + 3 * SECOND // 2, "d2: touch button4 off")
    recording.add(T, "d1: touch lid on")
    recording.add(T + 25 * 3600 * SECOND, "fault broker_down")
    scenario = recording.scenario(7, ["d1", "d2"], ["gw-1"])
    assert scenario.actions(7) == [
        Action(FIRST_S, "d1", ("touch", "lid", "on")),
        Action(FIRST_S + 1.5, "d2", ("touch", "button4", "off")),
        Action(FIRST_S + 25 * 3600, "", ("fault", "broker_down")),
    ]
    assert scenario.days * 86_400 > FIRST_S + 25 * 3600


def test_nothing_done_is_a_scenario_too() -> None:
    assert Recording().scenario(1, ["d1"], ["gw-1"]).actions(1) == []
