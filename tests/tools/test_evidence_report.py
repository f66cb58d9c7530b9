"""`dosewire evidence enter, entries, report, freeze`, over a store filled by the real ingest."""

import datetime as dt
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim.backend.pages.cohort import LEDGER, REGISTRY, STORE, Plan, make
from sim.backend.pages.lives import Story
from sim.backend.registry import load
from tools.app import app

END = dt.date(2024, 10, 31)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    made = tmp_path_factory.mktemp("cohort")
    make(made, Plan(1, 31, END, seed=7, stories=(Story.HOSPITAL,)), lambda done, of: None)
    return made


@pytest.fixture
def folder(cohort, tmp_path, monkeypatch):
    for name in (STORE, LEDGER, REGISTRY):
        (tmp_path / name).write_bytes((cohort / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str, code: int = 0):
    result = CliRunner().invoke(app, ["evidence", *words])
    assert result.exit_code == code, result.output
    return result


def report(*more: str, period="2024-10", episode="e0001", **options):
    places = ("--store", STORE, "--ledger", LEDGER)
    return run("report", *places, "--episode", episode, "--period", period, *more, **options)


def enter(*words: str, ledger=LEDGER, by="nurse", episode="e0001", code=0):
    return run("enter", "--ledger", ledger, "--by", by, "--episode", episode, *words, code=code)


def freeze():
    places = ("--store", STORE, "--ledger", LEDGER, "--episode", "e0001")
    return run("freeze", *places, "--period", "2024-10", "--by", "nurse").stdout


def test_the_report_says_what_it_rests_on_and_how_figures_came_about(folder):
    told = report().stdout
    assert "Access, not ingestion" in told
    assert "SHA-256" in told and "verified records" in told
    # 31 days of October, seven in hospital; the last is not whole before the next record
    assert "100.0% (24/24)" in told
    assert "days with at least what was expected / judged days" in told
    assert "no candidate" not in told.split("Supply period 1")[1].split("\n")[0]
    assert "candidate: 16 to 30 days" in told


def test_as_json_and_as_csv(folder):
    found = json.loads(report("--json", "--csv", "days.csv").stdout)
    assert found["says"].startswith("Access, not ingestion")
    assert found["compartments"]["1"]["with_corrections"]["implementation"]["part"] == 24
    lines = Path("days.csv").read_text().splitlines()
    assert lines[0] == "monitor,date,recorded,added,corrected,expected,non_monitored,implemented"
    assert lines[1] == "1,2024-10-01,1,0,1,1,0,1"
    assert len(lines) == 32


def test_what_is_entered_changes_adherence_and_the_frozen_version_stays(folder):
    assert freeze() == "version 1 of 2024-10 is frozen\n"
    assert "nothing frozen" in freeze()
    enter("--kind", "added", "--from", "2024-10-03", "--to", "2024-10-03", "--value", "1 -1")
    told = report().stdout
    assert "Differs from version 1" in told
    assert "95.8% (23/24)" in told and "100.0% (24/24)" in told
    assert "version 2 of 2024-10 is frozen" in freeze()
    assert "says the same" in report().stdout


def test_a_programme_is_entered_from_nothing(folder):
    dispenser = next(iter(load(Path(REGISTRY)).dispensers))
    new = {"ledger": "new.db", "episode": "e9"}
    enter("--kind", "episode", "--from", "2024-10-01", "--value", "P-1 s1 Europe/Zurich", **new)
    for kind in ("order", "consent", "activation"):
        enter("--kind", kind, "--from", "2024-10-01", **new)
    enter("--kind", "assignment", "--from", "2024-10-01T00:00", "--value", dispenser, **new)
    enter(
        "--kind", "regimen", "--from", "2024-10-01", "--to", "2024-10-05", "--value", "1 1", **new
    )
    places = ("--store", STORE, "--ledger", "new.db", "--episode", "e9", "--period", "1", "--json")
    found = json.loads(run("report", *places).stdout)
    expected = [day["expected"] for day in found["compartments"]["1"]["days"]]
    assert expected == [1] * 5 + [None] * 25
    assert len(found["counts"]["monitored"]) == 23


def test_entries_show_what_was_replaced(folder):
    away = ("--kind", "non_monitored", "--from", "2024-10-01", "--value", "absence")
    first = json.loads(enter(*away, "--json").stdout)["id"]
    enter(*away, "--to", "2024-10-02", "--replaces", str(first))
    told = run("entries", "--ledger", LEDGER, "--episode", "e0001").stdout
    assert "[not in force any more]" in told and f"(replaced {first})" in told
    listed = json.loads(run("entries", "--ledger", LEDGER, "--json").stdout)
    assert [entry["id"] for entry in listed] == list(range(1, len(listed) + 1))


WRONG = [
    (("--kind", "added", "--from", "2024-10-03", "--value", "1 1"), "of one date"),
    (("--kind", "added", "--from", "2024-10-03T08:00", "--value", "1 1"), "not a date"),
    (("--kind", "regimen", "--from", "2024-10-01", "--value", "9 1"), "1 to 4"),
    (("--kind", "regimen", "--from", "2024-10-01", "--value", "1 1"), "has the regimen of"),
    (("--kind", "system", "--from", "2024-10-01", "--value", "98977"), "one of"),
    (("--kind", "consent", "--from", "yesterday"), "not a date or a time"),
    (("--kind", "assignment", "--from", "2024-10-01", "--value", "box"), "16 hex digits"),
    (("--kind", "order", "--from", "2024-10-02", "--to", "2024-10-01"), "ends before"),
]


@pytest.mark.parametrize(("words", "told"), WRONG)
def test_wrong_entries_are_one_line_and_change_nothing(folder, words, told):
    before = run("entries", "--ledger", LEDGER).stdout
    result = enter(*words, code=2)
    assert told in result.stderr and result.stderr.count("\n") == 1
    assert run("entries", "--ledger", LEDGER).stdout == before


def test_the_emerge_sheet_of_a_site(folder):
    places = ("--store", STORE, "--ledger", LEDGER)
    told = run("emerge", *places, "--site", "north").stdout
    assert "of 1 patients, 1 compartments" in told and "Initiation: 1 of 1" in told
    assert "of 0 patients" in run("emerge", *places, "--site", "south").stdout


def test_the_demonstration_is_a_store_and_a_ledger_like_any_other(folder):
    told = run("demo", "--out", "demo", "--patients", "1", "--days", "5").stdout
    assert told == "dosewire backend pages --store demo/store.db --ledger demo/people.db\n"
    places = ("--store", "demo/store.db", "--ledger", "demo/people.db", "--episode", "e0001")
    found = json.loads(run("report", *places, "--period", "1", "--json").stdout)
    assert len(found["compartments"]["1"]["days"]) == 5
    assert "File exists" in run("demo", "--out", "demo", code=2).stderr


def test_what_is_not_there_is_one_line(folder):
    for result, told in (
        (report(episode="e7", code=2), "no episode 'e7'"),
        (report(period="2024-13", code=2), "neither"),
        (report("--csv", LEDGER, code=2), "is one of the inputs"),
        (enter("--kind", "order", "--from", "2024-10-01", ledger="no.db", code=2), "no such file"),
        (enter("--kind", "order", "--from", "2024-10-01", episode="e7", code=2), "no episode"),
    ):
        assert told in result.stderr and result.stderr.count("\n") == 1
    (folder / STORE).unlink()
    assert "no such file" in report(code=2).stderr
    (folder / STORE).write_bytes(b"something else")
    assert report(code=2).stderr.count("\n") == 1
