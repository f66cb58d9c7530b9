"""Scenarios as files: what is written is what is read, and what is none is named."""

import contextlib
import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.actions import Action, diary
from sim.faults import FAULTS
from sim.ledger import INPUTS
from sim.patients import MODELS
from sim.scenario import Scenario
from sim.scenario_file import ScenarioFileError, dump, load
from sim.techs import DEEDS

PAGE = Path(__file__).parent.parent.parent / "docs" / "simulator.md"
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
        ("days = 0.5", 'days = 0.5\npatients = {d2 = "regular"}', "no dispenser 'd2', only d1"),
        ("days = 0.5", "days = nan", "days"),
        ("days = 0.5", "days = -1.0", "days"),
        ("days = 0.5", "days = 0.5\ndispensers = []", "dispensers"),
        ("days = 0.5", 'days = 0.5\ngateways = ["a", "a"]', "gateways"),
        (
            "fault broker_down",
            "fault broker_donw",
            "no fault 'broker_donw'; did you mean broker_down",
        ),
        ("fault broker_down", "fault tea_spilt", "no fault 'tea_spilt', only power_cut, "),
        ("fault broker_down", "fault cable_out gw-1", "part that cable_out hits 'gw-1', only d1"),
        ("fault broker_down", "fault broker_down d1", "hits 'd1', only broker"),
        ("fault broker_down for 2 min", "heal broker_down", "no `fault broker_down` strikes"),
        ("fault broker_down for 2 min", "tech ask d2", "no dispenser 'd2'"),
        ("00:02:00", "24:00", "23:59"),
        ("00:02:00", "00:60", "23:59"),
        ("day 1 00:02:00", "day 0 00:02", "days from 1"),
        ("story", "stroy", "stroy.*has the keys name, story, days"),
        ("fault broker_down for 2 min", "tech juggle", "no tech 'juggle', only ask"),
        ("touch button2 on", "d3: open", "no dispenser 'd3'"),
        ("touch button2 on", "touch button9 on", "button9"),
        ("touch button2 on", "reach 2 soon", "soon"),
        ("for 2 min", "for a while", "while"),
        (TEXT, "x = " + "[" * 100_000, "nested"),
        (TEXT, "][", "invalid"),
    ],
)
def test_what_is_no_scenario_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ScenarioFileError, match=r"(?i)" + said) as caught:
        load(written(tmp_path, TEXT.replace(old, new)))
    assert str(caught.value).startswith(str(tmp_path))


def test_the_example_of_the_page_is_a_scenario(tmp_path: Path) -> None:
    text = PAGE.read_text().split("```toml\n")[1].split("```")[0]
    scenario = load(written(tmp_path, text))
    assert scenario.faults() == {"broker_down"}
    assert {action.dispenser for action in scenario.actions(1)} == {"", "d1", "d2"}


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ScenarioFileError, match="No such file"):
        load(tmp_path / "none.toml")


WORDS = st.text(st.characters(exclude_categories=["Cs"]))
NAMES = st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True), min_size=1, unique=True)
TIMES = st.integers(0, 40 * 86_400 * 10**6)
"""In microseconds."""


def line(micros: int, what: str) -> str:
    seconds, rest = divmod(micros, 10**6)
    day, seconds = divmod(seconds, 86_400)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"day {day + 1} {clock}.{rest:06}  {what}"


@st.composite
def scenarios(draw: st.DrawFn) -> tuple[Scenario, list[Action]]:
    """Any scenario of this kind, and what happens in it by who lives there is not."""
    dispensers, gateways = draw(NAMES), draw(NAMES)
    one = st.sampled_from(dispensers)
    touch = st.builds(
        lambda whose, what, on: (whose, f"touch {what} {on}"),
        one, st.sampled_from(INPUTS), st.sampled_from(["on", "off"]),
    )  # fmt: skip
    faults = [
        f"fault {name} {part}"
        for name, fault in FAULTS.items()
        for part in fault.parts(dispensers, gateways)
    ]
    deeds = [f"tech {name} {whose}" for name in DEEDS for whose in dispensers]
    struck = st.sampled_from([*faults, *deeds]).map(lambda what: ("", what))
    happens = sorted(draw(st.lists(st.tuples(TIMES, touch | struck), max_size=12)))
    broken = [what for _, (_, what) in happens if what.startswith("fault")]
    if broken and draw(st.booleans()):
        happens.append((happens[-1][0], ("", broken[-1].replace("fault", "heal"))))
    lines = [line(t, f"{whose}: {what}" if whose else what) for t, (whose, what) in happens]
    made = Scenario(
        draw(WORDS), draw(WORDS), draw(st.floats(0, 400)), "\n".join(lines),
        draw(st.dictionaries(one, st.sampled_from(sorted(MODELS)))), dispensers, gateways,
        draw(st.dates()).isoformat(), draw(st.integers(0, 2**31)),
        cell=draw(st.booleans()), modem=draw(st.booleans()),
    )  # fmt: skip
    return made, [Action(t / 1e6, whose, tuple(what.split())) for t, (whose, what) in happens]


@given(scenarios())
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[Scenario, list[Action]]
) -> None:
    scenario, happens = made
    again = load(written(tmp_path_factory.mktemp("f"), dump(scenario)))
    assert dataclasses.replace(again, diary=again.diary.strip()) == scenario
    told = diary(again.diary)
    assert [(a.dispenser, a.words) for a in told] == [(a.dispenser, a.words) for a in happens]
    assert [a.at for a in told] == pytest.approx([a.at for a in happens], abs=1e-7)


@given(st.binary() | st.text().map(str.encode) | st.binary().map(lambda b: TEXT.encode() + b))
def test_any_bytes_are_a_scenario_or_named(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.mktemp("f") / "s.toml"
    path.write_bytes(raw)
    with contextlib.suppress(ScenarioFileError):
        assert load(path).actions(1) is not None


@given(st.text(max_size=60))
def test_any_words_in_a_diary_are_done_or_named(
    tmp_path_factory: pytest.TempPathFactory, words: str
) -> None:
    scenario = Scenario("it", "", 0.1, f"day 1 00:01  {words}")
    path = written(tmp_path_factory.mktemp("f"), dump(scenario))
    with contextlib.suppress(ScenarioFileError):
        assert load(path).actions(1) is not None
