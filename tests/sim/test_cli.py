"""Exit codes and what is said on the screen."""

import json
import time

import pytest
from typer.testing import CliRunner

from protocol import schema
from sim.child import ChildError
from sim.cli import app
from sim.demo import DemoError
from sim.report import REPORT, compute
from sim.world import WorldError
from tests.sim.runs import Run


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    def run(result, *words):
        async def scripted(folder, seed, say):
            say(f"[seed {seed}]")
            if isinstance(result, BaseException):
                raise result
            (folder / REPORT).write_bytes((result / REPORT).read_bytes())
            return compute(result)

        monkeypatch.setattr("sim.demo.demo", scripted)
        command = ["demo", "--headless", "--runs", str(tmp_path / "runs"), *words]
        return CliRunner().invoke(app, command)

    return run


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def test_agreement_is_0_and_the_report_is_copied(invoke, folder, tmp_path):
    Run(folder).write().report()
    done = invoke(folder, "--seed", "9", "--report", str(tmp_path / "copy.json"))
    assert done.exit_code == 0
    assert "[seed 9]" in done.output
    assert json.loads((tmp_path / "copy.json").read_text())["agree"] is True


def test_a_mismatch_is_1_with_the_difference_record_by_record(invoke, folder):
    run = Run(folder)
    index = run.find("dose")
    run.d1.rows[index].data = schema.Dose(1, 4, 0, schema.Relation.none)
    del run.d1.rows[run.find("response")]
    run.write().report()
    done = invoke(folder)
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert any("wrong" in line and f"{run.d1.id}/77/{index}" in line for line in lines)
    assert any("lost" in line and "RESPONSE button 3" in line for line in lines)
    assert "DIFFER" in done.output


def test_a_run_that_fails_is_1_and_says_why(invoke):
    done = invoke(ExceptionGroup("tasks", [WorldError("d1: crash: see [console.log]")]))
    assert done.exit_code == 1
    assert "d1: crash: see [console.log]" in done.output


@pytest.mark.parametrize(
    "stop",
    [
        DemoError("waited 40 s for the backend"),
        ExceptionGroup("acts", [DemoError("waited 40 s for the backend")]),
        ExceptionGroup("acts", [ChildError("waited 40 s for the backend")]),
    ],
)
def test_a_run_that_does_not_come_to_its_end_shows_what_is_missing(tmp_path, monkeypatch, stop):
    async def scripted(folder, seed, say):
        run = Run(folder)
        del run.d1.rows[run.find("response")]
        run.write()
        raise stop

    monkeypatch.setattr("sim.demo.demo", scripted)
    done = CliRunner().invoke(app, ["demo", "--headless", "--runs", str(tmp_path / "runs")])
    assert done.exit_code == 1
    assert "waited 40 s for the backend" in done.output
    assert "RESPONSE button 3" in done.output


def test_a_report_that_cannot_be_written_is_told_before_the_run(invoke, folder, tmp_path):
    done = invoke(folder, "--report", str(tmp_path / "none" / "report.json"))
    assert done.exit_code == 2
    assert "--report" in done.output


def test_ctrl_c_is_130(invoke):
    assert invoke(KeyboardInterrupt()).exit_code == 130


def test_verify_is_0_only_if_report_and_records_are_good(folder):
    run = Run(folder).write()
    honest = run.report()
    assert CliRunner().invoke(app, ["verify", str(folder)]).exit_code == 0
    forged = json.loads((folder / REPORT).read_text()) | {"lost": 3}
    (folder / REPORT).write_text(json.dumps(forged))
    done = CliRunner().invoke(app, ["verify", str(folder)])
    assert done.exit_code == 1
    assert "lost: report says 3, the files say 0" in done.output
    assert honest.lost == 0


def test_verify_of_a_run_with_differences_is_1(folder):
    run = Run(folder)
    del run.d1.rows[run.find("dose")]
    run.write().report()
    done = CliRunner().invoke(app, ["verify", str(folder)])
    assert done.exit_code == 1
    assert "confirmed" in done.output


def test_verify_of_no_run_is_1_in_one_line(tmp_path):
    done = CliRunner().invoke(app, ["verify", str(tmp_path)])
    assert done.exit_code == 1
    assert len(done.output.splitlines()) == 1


def test_verify_of_a_folder_of_runs_names_them(tmp_path):
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        Run(tmp_path / name).write().report()
    done = CliRunner().invoke(app, ["verify", str(tmp_path)])
    assert done.exit_code == 1
    assert f"; runs in it: {tmp_path}/a {tmp_path}/b\n" in done.output
    (tmp_path / "a" / REPORT).write_text("{")
    assert "runs in it" not in CliRunner().invoke(app, ["verify", str(tmp_path / "a")]).output


def test_two_runs_of_one_seed_in_one_second_have_a_folder_each(
    invoke, folder, tmp_path, monkeypatch
):
    Run(folder).write().report()
    monkeypatch.setattr(time, "strftime", lambda _: "20260101-000000")
    assert [invoke(folder, "--seed", "9").exit_code for _ in range(3)] == [0, 0, 0]
    names = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert names == [f"20260101-000000-9{more}" for more in ("", "-2", "-3")]


@pytest.mark.parametrize("report", ["missing/report.json", "run"])
def test_a_report_that_cannot_be_written_is_said_before_the_run(invoke, folder, tmp_path, report):
    done = invoke(AssertionError("ran"), "--report", str(tmp_path / report))
    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1
    assert str(tmp_path / report) in done.output.replace("\n", "")


def test_runs_that_is_no_folder_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(app, ["demo", "--headless", "--runs", str(tmp_path / "file")])
    assert (done.exit_code, len(done.output.splitlines())) == (2, 1)
