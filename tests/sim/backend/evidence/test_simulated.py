"""Stories played through the board's simulator in virtual time end in the right figures."""

import asyncio
import dataclasses
import datetime as dt

import pytest

from sim import factory
from sim.backend.evidence.adherence import Share
from sim.backend.evidence.calendar import Mark
from sim.backend.evidence.entries import Kind
from sim.backend.evidence.report import Basis, Evidence
from sim.backend.evidence.silence import Cause
from sim.backend.evidence.sources import links, rows
from sim.backend.store import open_store
from sim.batch import judge
from sim.report import STORE
from sim.scenario import Scenario
from sim.scenarios import SCENARIOS
from sim.stage import play
from tests.sim.backend.evidence.people import Desk

MONTH, ZONE = "2026-09", "UTC"
BEGUN = dt.date(2026, 9, 7)
LETTERS = {Mark.REACHED: "R", Mark.MISSED: "M", Mark.SILENT: "s"}

pytestmark = [pytest.mark.slow]
soak = pytest.mark.soak


@dataclasses.dataclass
class Played:
    """A run that the laws and its ledger agree with, and its one patient."""

    held: list
    ways: list
    desk: Desk

    def report(self, days: float):
        """The report of the month, so many days after the world began."""
        now = dt.datetime.combine(BEGUN, dt.time(), dt.UTC) + dt.timedelta(days=days)
        moment = round(now.timestamp() * 1000)
        basis = Basis(self.desk.programme, self.held, moment, self.ways)
        return Evidence(basis, "e1").report(MONTH)


def lived(folder, scenario: Scenario, *regimen: str) -> Played:
    """Play a scenario; enrol its patient."""
    image = asyncio.run(factory.flashed(folder.parent.parent / "dosewire-factory"))
    run = folder / "run"
    report = asyncio.run(play(scenario, run, scenario.seed, image))
    assert judge(scenario, run, report) == []
    return stored(run, *regimen)


def stored(run, *regimen: str) -> Played:
    """Enrol the patient of a run."""
    store = open_store(run / STORE, readonly=True)
    try:
        dispenser = store.streams()[0].dispenser
        held = rows(store, [dispenser])
        ways = links(store, held)
    finally:
        store.close()
    desk = Desk().enrol(zone=ZONE, dispenser=dispenser)
    for value in regimen:
        desk.enter(Kind.REGIMEN, f"{BEGUN}T00:00", value=value)
    return Played(held, ways, desk)


def marks(report, first: int, days: int) -> str:
    """One letter a date, from the first-th day of the world on."""
    wanted = [BEGUN + dt.timedelta(days=first - 1 + n) for n in range(days)]
    known = {date.date: LETTERS.get(date.mark, "?") for date in report.calendar}
    return "".join(known.get(date, "-") for date in wanted)


@soak
@pytest.mark.timeout(1200)
def test_six_missed_days_are_flagged_as_missed(tmp_path):
    played = lived(tmp_path, SCENARIOS["six-missed-days"], "1 1")
    found = played.report(7.9)
    assert marks(found, 1, 7) == "RMMMMMM"
    assert found.compartments[1].with_corrections.implementation == Share(1, 7)
    assert [date.day for date in found.counts.monitored] == [7, 14]
    assert {d.silence.cause for d in found.calendar if d.mark is Mark.MISSED} == {Cause.ABSENT}


@soak
@pytest.mark.timeout(1200)
def test_the_same_days_unplugged_are_silence_and_none_is_called_missed(tmp_path):
    played = lived(tmp_path, SCENARIOS["six-missed-days-unplugged"], "1 1")
    during, after = played.report(7.2), played.report(7.9)
    assert marks(during, 1, 7) == "Rssssss"
    assert marks(after, 1, 7) == "Rssssss"
    for found in (during, after):
        assert not any(date.mark is Mark.MISSED for date in found.calendar)
        assert found.compartments[1].with_corrections.implementation == Share(1, 1)
    assert [date.day for date in after.counts.monitored] == [7, 14]
    silent = [date for date in after.calendar if date.mark is Mark.SILENT]
    assert {date.silence.cause for date in silent} == {Cause.UNPLUGGED}


@soak
@pytest.mark.timeout(2400)
def test_three_weeks_without_uplink_are_complete_after_recovery(tmp_path):
    played = lived(tmp_path, SCENARIOS["three-weeks-without-uplink"], "1 1")
    during, after = played.report(20), played.report(23.2)
    assert not any(date.mark is Mark.MISSED for date in during.calendar)
    assert marks(during, 3, 17) == "s" * 17
    doses = {date.date() for date in taken(played)}
    lived_dates = [BEGUN + dt.timedelta(days=n) for n in range(22)]
    known = {date.date: date.mark for date in after.calendar}
    assert len(doses) >= 20
    for date in lived_dates:
        assert (known[date] is Mark.REACHED) == (date in doses)
    assert doses <= set(after.counts.monitored)


def taken(played) -> list[dt.datetime]:
    """When a compartment was reached, from the records' own times."""
    return [
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=row.time)
        for row in played.held
        if row.type == 0x22 and row.data[2] == 1
    ]
