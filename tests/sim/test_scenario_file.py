"""Scenarios as files: what is written is what is read, and what is none is named."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.actions import Action, diary
from sim.scenario import Scenario
from sim.scenario_file import ScenarioFileError, dump, load

TEXT = """
name = "mine"
story = "Somebody presses once."
days = 0.5
diary = \"\"\"
day 1 00:01:02.250  touch button2 on
day 1 00:01:02.500  touch button2 off
day 1 00:02:00  fault broker_down for 2 min
\"\"\"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "s.toml"
    path.write_text(text)
    return path


def test_a_file_is_read(tmp_path: Path) -> None:
    scenario = load(written(tmp_path, TEXT))
    assert scenario.actions(1) == [
        Action(62.25, "d1", ("touch", "button2", "on")),
        Action(62.5, "d1", ("touch", "button2", "off")),
        Action(120.0, "", ("fault", "broker_down", "for", "2", "min")),
    ]
    assert (scenario.seed, scenario.dispensers) == (1, ["d1"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "mine"', "", "name"),
        ("days = 0.5", 'days = "two"', "days"),
        ("days = 0.5", "days = 0.5\nweather = 3", "weather"),
        ("touch button2 on", "dance", "dance"),
        ("days = 0.5", 'days = 0.5\npatients = {d1 = "nobody"}', "nobody"),
        ("days = 0.5", 'days = 0.5\nbegins = "soon"', "soon"),
        (TEXT, "][", "invalid"),
    ],
)
def test_what_is_no_scenario_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ScenarioFileError, match=r"(?i)" + said) as caught:
        load(written(tmp_path, TEXT.replace(old, new)))
    assert str(caught.value).startswith(str(tmp_path))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ScenarioFileError, match="No such file"):
        load(tmp_path / "none.toml")


@given(
    story=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f")),
    seed=st.integers(0, 2**31),
    millis=st.lists(st.integers(0, 86_399_999), max_size=8),
)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, story: str, seed: int, millis: list[int]
) -> None:
    lines = [
        f"day 1 {t // 3600000:02}:{t // 60000 % 60:02}:{t // 1000 % 60:02}.{t % 1000:03}  open"
        for t in sorted(millis)
    ]
    scenario = Scenario("it", story, 0.25, "\n".join(lines), {"d1": "regular"}, seed=seed)
    again = load(written(tmp_path_factory.mktemp("f"), dump(scenario)))
    assert (again.story, again.seed, again.patients) == (story, seed, {"d1": "regular"})
    assert diary(again.diary) == diary(scenario.diary)
    assert [round(a.at * 1000) for a in diary(again.diary)] == sorted(millis)
