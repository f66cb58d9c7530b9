"""What `sim run` and `sim list` say before anything is played, and how a run is summed up."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from sim.batch import Result
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
        (["first-day", "--board", "pico"], "only emulated, serial:PORT,fixture=PORT and"),
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


def test_where_no_report_can_be_written_no_run_begins(tmp_path):
    (tmp_path / "file").touch()
    runs = ("--runs", str(tmp_path / "runs"))
    for report in (tmp_path / "file", tmp_path / "file" / "below"):
        words = ["run", "first-day", *runs, "--report", str(report)]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 2
        assert f"--report {report}" in done.output
    assert not (tmp_path / "runs").exists()


def test_a_disk_without_room_is_told_before_anything_is_played(tmp_path, monkeypatch):
    full = shutil.disk_usage(tmp_path)._replace(free=3 << 20)
    monkeypatch.setattr("shutil.disk_usage", lambda _: full)
    for words in (["run", "first-day"], ["fleet"]):
        done = CliRunner().invoke(app, [*words, "--runs", str(tmp_path / "runs")])
        assert done.exit_code == 2
        assert "3 MB left on that disk" in done.output
    assert list((tmp_path / "runs").iterdir()) == []


def played(monkeypatch, *results):
    async def run(*_):
        return list(results)

    monkeypatch.setattr("sim.jobs.run", run)


def result(name, **fields):
    return Result(scenario=name, story="", seed=1, **fields)


def test_what_was_skipped_is_not_called_good(tmp_path, monkeypatch):
    skipped = result("b", skipped="board lacks: rtc")
    played(monkeypatch, result("a"), skipped, result("c", wrong=["lost"]))
    done = CliRunner().invoke(app, ["run", "first-day", "--runs", str(tmp_path)])
    assert "1 good, 1 wrong, 1 skipped; " in done.output
    assert done.exit_code == 1


def test_a_report_that_cannot_be_written_after_all_does_not_hide_what_came(tmp_path, monkeypatch):
    played(monkeypatch, result("a"))
    report = tmp_path / "report"
    (report / "results.json").mkdir(parents=True)
    words = ["run", "first-day", "--runs", str(tmp_path / "runs"), "--report", str(report)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert "1 good, 0 wrong; but no report: " in done.output


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
