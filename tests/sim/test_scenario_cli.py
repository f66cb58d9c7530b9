"""What `sim run` and `sim list` say before anything is played."""

import json

import pytest
from typer.testing import CliRunner

from sim.cli import app
from sim.faults import FAULTS
from sim.scenarios import SCENARIOS


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "--all"),
        (["no-such-story-at-all"], "`dosewire sim list` names them"),
        (["first-dya"], "did you mean first-day?"),
        (["first-day", "--smoke"], "or --smoke"),
        (["missing.toml"], "missing.toml"),
        (["first-day", "--board", "pico"], "only emulated and serial:PORT"),
        (["first-day", "--board", "serial:/dev/x"], "serial:PORT,fixture=PORT"),
        (["first-day", "--board", "serial:/dev/none,by-hand"], "no port /dev/none"),
        (["first-day", "--board", "serial:/dev/null,fixture=/dev/none"], "no port /dev/none"),
        (["first-day", "--jobs", "0"], "jobs"),
    ],
)
def test_what_cannot_be_played_is_told_and_nothing_is_made(words, told, tmp_path):
    done = CliRunner().invoke(app, ["run", *words, "--runs", str(tmp_path / "runs")])
    assert done.exit_code == 2
    assert told in done.output
    assert not (tmp_path / "runs").exists()


def test_the_list_tells_programs_what_each_story_does_and_needs():
    stories = json.loads(CliRunner().invoke(app, ["list", "--json"]).output)
    assert [story["name"] for story in stories] == list(SCENARIOS)
    assert len(stories) >= 20
    by_name = {story["name"]: story for story in stories}
    brown_out = by_name["brown-out-night"]
    assert brown_out["faults"] == ["broker_down", "brown_out"]
    assert brown_out["needs"] == ["power", "quick power"]
    assert {name for story in stories for name in story["faults"]} <= set(FAULTS)


def test_the_list_for_people_has_a_line_a_story():
    lines = CliRunner().invoke(app, ["list"]).output.splitlines()
    assert len(lines) == len(SCENARIOS)
    assert all(
        line.startswith(name) and scenario.story in line
        for line, (name, scenario) in zip(lines, SCENARIOS.items(), strict=True)
    )
