"""Runs the worked examples of docs/evidence.md: the page is the expected side."""

import datetime as dt
import re
import shlex
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from sim.backend.evidence import monitored, sheets
from sim.backend.evidence.adherence import persistence, velocity
from sim.backend.evidence.dates import Span, adherence_day, civil_date, collapse, local
from sim.backend.evidence.days import Plan, Regimen, days
from sim.backend.evidence.events import events
from sim.backend.evidence.study import Study, evaluate
from tests.sim.backend.evidence.journal import Journal
from tests.sim.backend.evidence.page import PAGE, table
from tests.sim.backend.evidence.people import Desk
from tools.app import app

FIGURES = ("taking", "taking_capped", "correct_dosing", "implementation", "timing")


def files() -> dict[str, str]:
    found = dict(re.findall(r"`(\w+\.csv)`\n\n```csv\n(.*?)```", PAGE, re.DOTALL))
    assert len(found) == 6
    return found


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, text in files().items():
        if name != "days.csv":
            (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_on_the_page_writes_the_days_on_the_page(folder):
    command = re.search(r"^\$ dosewire (evidence days .*)$", PAGE, re.MULTILINE)
    result = CliRunner().invoke(app, shlex.split(command[1]))
    assert result.exit_code == 0, result.output
    assert Path("days.csv").read_text() == files()["days.csv"]


def results(folder):
    study = Study(
        sheets.openings(folder / "openings.csv", None),
        sheets.monitors(folder / "monitors.csv"),
        sheets.regimens(folder / "regimen.csv"),
        sheets.added(folder / "added.csv"),
        sheets.non_monitored(folder / "nonmonitored.csv"),
    )
    return evaluate(study, dt.time(3), dt.timedelta(seconds=60))


def test_figures(folder):
    found = results(folder)
    rows = table("monitor", "corrections", "taking")
    assert len(rows) == 4
    for row in rows:
        result = found[row["monitor"]]
        figures = getattr(result, f"{row['corrections']}_corrections")
        shares = {name: getattr(figures, name) for name in FIGURES}
        shown = {name: f"{share.part}/{share.whole}" for name, share in shares.items()}
        assert shown | {"excess": str(figures.excess)} == {
            name: cell for name, cell in row.items() if name not in ("monitor", "corrections")
        }


@pytest.mark.parametrize("row", table("zone", "cut", "instant (UTC)"))
def test_dates(row):
    zone = ZoneInfo(row["zone"])
    at = dt.datetime.fromisoformat(row["instant (UTC)"] + "+00:00")
    ms = int(at.timestamp()) * 1000
    assert local(ms, zone).time().isoformat() == row["wall clock"]
    cut = dt.time.fromisoformat(row["cut"])
    assert adherence_day(ms, zone, cut).isoformat() == row["adherence day"]
    assert civil_date(ms, zone).isoformat() == row["civil date"]


@pytest.mark.parametrize("row", table("collapse", "openings", "counted"))
def test_collapse(row):
    times = [dt.datetime.fromisoformat(f"2026-03-01T{at}") for at in row["openings"].split()]
    within = dt.timedelta(seconds=int(row["collapse"].removesuffix(" s")))
    assert len(collapse(times, within)) == int(row["counted"])


def drawn(text: str):
    """Days as the page draws them: digits are accesses, `-` is non-monitored."""
    marks = "".join(
        mark * int(times or 1) for times, mark in re.findall(r"(?:(\d+) × )?`([^`]+)`", text)
    )
    start = dt.date(2026, 1, 1)
    dates = [start + dt.timedelta(days=n) for n in range(len(marks))]
    accesses = [d for d, m in zip(dates, marks, strict=True) if m != "-" for _ in range(int(m))]
    away = [Span(d, d) for d, mark in zip(dates, marks, strict=True) if mark == "-"]
    span = Span(start, dates[-1])
    return days(Plan([span], [Regimen(span, 1)], non_monitored=away), accesses)


@pytest.mark.parametrize("row", table("days", "first", "last"))
def test_persistence(row):
    found = persistence(drawn(row["days"]))
    dates = [date.isoformat() if date else "" for date in (found.first, found.last)]
    assert dates == [row["first"], row["last"]]
    assert found.days == int(row["persistence"])
    assert found.discontinued == (row["discontinued"] == "yes")


@pytest.mark.parametrize("row", table("days", "rolling", "slope"))
def test_velocity(row):
    found = velocity(drawn(row["days"]), [])
    assert " ".join(f"{percent:.1f}" for _, percent in found.rolling) == row["rolling"]
    assert ("" if found.slope is None else f"{found.slope:.2f}") == row["slope"]


@pytest.mark.parametrize("row", table("zone", "records (local time)"))
def test_monitored_days(row):
    journal = Journal(zone=row["zone"])
    first_day = row["records (local time)"].split("T")[0].split()[1]
    journal.set(f"{first_day}T00:01")
    for record in row["records (local time)"].split(", "):
        what, at = record.split()
        getattr(journal, what)(at)
    desk = Desk().enrol(zone=row["zone"])
    found = monitored.days(desk.programme, "e1", events(journal.rows))
    shown = {"monitored": found.monitored, "lid only": found.lid_only, "alive only": found.alive}
    for column, dates in shown.items():
        assert " ".join(date.isoformat() for date in dates) == row[column]
