"""`dosewire evidence days` on wrong input: one line that names the place, exit code 2."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sim.backend.evidence import sheets
from sim.backend.evidence.sheets import SheetError
from tools.app import app

GOOD = {
    "openings": "monitor,opened_at\nA,2026-03-01 08:00\n",
    "monitors": "monitor,start,end\nA,2026-03-01,2026-03-02\n",
    "regimen": "monitor,start,end,expected,on,off\nA,2026-03-01,2026-03-02,1,,\n",
    "added": "monitor,date,added\nA,2026-03-01,1\n",
    "nonmonitored": "monitor,start,end\nA,2026-03-02,2026-03-02\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in GOOD.items():
        Path(f"{name}.csv").write_text(text)
    return tmp_path


def run(*more: str, out: str = "days.csv"):
    words = [word for name in GOOD for word in (f"--{name}", f"{name}.csv")]
    return CliRunner().invoke(app, ["evidence", "days", *words, "--out", out, *more])


def refused(result) -> str:
    assert result.exit_code == 2
    assert result.stdout == ""
    line = result.stderr
    assert line.startswith("dosewire evidence days: ") and line.count("\n") == 1
    return line.removeprefix("dosewire evidence days: ").strip()


def test_good(folder):
    assert run().exit_code == 0
    assert Path("days.csv").read_text().splitlines()[1:] == [
        "A,2026-03-01,1,1,2,1,0,1",
        "A,2026-03-02,0,0,0,1,1,",
    ]


WRONG = [
    ("openings", "monitor,opened\nA,2026-03-01 08:00\n", "line 1, column opened_at: is not there"),
    ("openings", "", "line 1, column monitor: is not there"),
    ("openings", "monitor,opened_at,monitor\n", "line 1, column monitor: is there twice"),
    (
        "openings",
        "monitor,opened_at\nA,2026-03-01\n",
        "line 2, column opened_at: '2026-03-01': not",
    ),
    ("openings", "monitor,opened_at\nA,2026-03-01 25:00\n", "line 2, column opened_at: "),
    ("openings", "monitor,opened_at\nA,0001-01-01 01:00\n", "line 2, column opened_at: "),
    ("openings", "monitor,opened_at\n\nA,\n", "line 3, column opened_at: is empty"),
    ("openings", "monitor,opened_at\n,2026-03-01 08:00\n", "line 2, column monitor: is empty"),
    ("openings", "monitor,opened_at\nA\n", "line 2, column 2: 1 cells, the header has 2"),
    ("openings", "monitor,opened_at\nA,2026-03-01 08:00,x\n", "line 2, column 3: 3 cells"),
    ("openings", 'monitor,opened_at\n"A,2026-03-01 08:00\n', "line 2: unexpected end of data"),
    ("openings", "monitor,opened_at\nA,2026-03-01 08:00Z\n", "--zone says whose clock counts"),
    ("openings", "monitor,opened_at\nA,2026-03-01 08:00+99:00\n", "line 2, column opened_at: "),
    ("openings", "monitor,opened_at\nA,2026-03-01 08:00\0\n", "line 2"),
    (
        "monitors",
        "monitor,start,end\nA,2026-03-02,2026-03-01\n",
        "line 2, column end: 2026-03-01 is",
    ),
    (
        "monitors",
        "monitor,start,end\nA,2026-02-30,2026-03-01\n",
        "line 2, column start: '2026-02-30'",
    ),
    ("monitors", "monitor,start,end\nA,20260201,2026-03-01\n", "line 2, column start: '20260201'"),
    ("monitors", "monitor,start,end\nA,1900-01-01,2199-01-01\n", "more than 100 years"),
    (
        "monitors",
        "monitor,start,end\nA,2026-03-01,2026-03-05\nA,2026-03-05,2026-03-06\n",
        "line 3, column start: overlaps 2026-03-01 to 2026-03-05",
    ),
    (
        "regimen",
        GOOD["regimen"] + "A,2026-02-01,2026-03-01,2,,\n",
        "line 3, column start: overlaps 2026-03-01 to 2026-03-02",
    ),
    (
        "regimen",
        GOOD["regimen"].replace(",1,,", ",-1,,"),
        "line 2, column expected: '-1': not a whole",
    ),
    ("regimen", GOOD["regimen"].replace(",1,,", ",1.5,,"), "line 2, column expected: '1.5'"),
    ("regimen", GOOD["regimen"].replace(",1,,", ",1,21,"), "line 2, column off: is empty"),
    ("regimen", GOOD["regimen"].replace(",1,,", ",1,,7"), "line 2, column on: is empty"),
    ("regimen", GOOD["regimen"].replace(",1,,", ",1,0,7"), "line 2, column on: '0': not"),
    ("added", "monitor,date,added\nA,2026-03-01,many\n", "line 2, column added: 'many'"),
    ("added", "monitor,date,added\nA,2026-03-01,99999999999999\n", "line 2, column added: "),
    ("nonmonitored", "monitor,start,end\nA,x,2026-03-01\n", "line 2, column start: 'x'"),
]


@pytest.mark.parametrize(("name", "text", "says"), WRONG)
def test_wrong_input_names_file_line_and_column(folder, name, text, says):
    Path(f"{name}.csv").write_text(text)
    line = refused(run())
    assert line.startswith(f"{name}.csv: ") and says in line
    assert not Path("days.csv").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--day-cut", "24:00"),
        ("--day-cut", "3"),
        ("--collapse", "-1"),
        ("--collapse", "1e9"),
        ("--zone", "Mars/Base"),
        ("--zone", "../etc/passwd"),
        ("--openings", "nowhere.csv"),
        ("--monitors", "."),
        ("--out", "nowhere/days.csv"),
        ("--out", "openings.csv"),
    ],
)
def test_wrong_options(folder, words):
    assert words[1].split("/")[0] in refused(run(*words))
    assert Path("openings.csv").read_text() == GOOD["openings"]


def test_bytes_that_are_no_text(folder):
    Path("added.csv").write_bytes(b"monitor,date,added\nA\xff,2026-03-01,1\n")
    assert refused(run()) == "added.csv: line 2: not UTF-8"


def test_spreadsheet_exports(folder):
    """A byte order mark, CRLF, spaces, another order and more columns are no mistakes."""
    text = "\ufeffpatient, opened_at ,monitor\r\n7,2026-03-01T08:00:30.5, A\r\n,,\r\n"
    Path("openings.csv").write_bytes(text.encode())
    assert run().exit_code == 0
    assert ",1,1,2,1,0,1" in Path("days.csv").read_text()


def test_zone_turns_offsets_into_the_monitors_clock(folder):
    Path("openings.csv").write_text("monitor,opened_at\nA,2026-03-02T02:30:00Z\n")
    run("--zone", "Europe/Zurich")  # 03:30 there: the second
    assert "A,2026-03-02,1,0,1" in Path("days.csv").read_text()
    run("--zone", "Atlantic/Azores")  # 01:30 there: still the first
    assert "A,2026-03-01,1,1,2" in Path("days.csv").read_text()


def test_monitors_without_observation_are_named(folder):
    Path("openings.csv").write_text(GOOD["openings"] + "B,2026-03-01 08:00\n")
    result = run()
    assert result.exit_code == 0
    assert "openings: 1 without dates of observation, left out: B" in result.stderr


def test_what_lies_outside_observation_is_counted_and_said(folder):
    Path("openings.csv").write_text(GOOD["openings"] + "A,2026-03-09 08:00\nA,2026-03-01 02:59\n")
    Path("added.csv").write_text("monitor,date,added\nA,2026-04-01,1\n")
    out = run().stdout
    assert "2 outside" in out and "1 added outside" in out


def test_json_summary(folder):
    found = json.loads(run("--json").stdout)["A"]
    assert (found["days"], found["non_monitored"]) == (2, 1)
    assert found["with_corrections"]["excess"] == 1
    assert found["with_corrections"]["taking"] == {"part": 2, "whole": 1, "percent": 200.0}
    assert found["without_corrections"]["taking"] == {"part": 1, "whole": 1, "percent": 100.0}


@given(st.binary(max_size=200), st.sampled_from(sorted(GOOD)))
def test_no_bytes_do_more_than_be_refused(tmp_path_factory, noise, name):
    path = tmp_path_factory.mktemp("noise") / "file.csv"
    path.write_bytes(GOOD[name].encode() + noise)
    readers = {
        "openings": lambda: sheets.openings(path, None),
        "monitors": lambda: sheets.monitors(path),
        "regimen": lambda: sheets.regimens(path),
        "added": lambda: sheets.added(path),
        "nonmonitored": lambda: sheets.non_monitored(path),
    }
    try:
        readers[name]()
    except SheetError as error:
        assert "\n" not in str(error) and str(path) in str(error)
