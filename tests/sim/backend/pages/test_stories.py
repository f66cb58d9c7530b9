"""Stories through the real ingest: an outage of three weeks, and days that came late."""

import datetime as dt
import random
import zoneinfo

import pytest

from protocol import topics
from sim.backend import registry
from sim.backend.evidence.calendar import Mark
from sim.backend.evidence.entries import Kind
from sim.backend.evidence.report import Basis, Evidence
from sim.backend.evidence.sources import links, rows
from sim.backend.ingest import Ingest
from sim.backend.pages.journal import Journal
from sim.backend.pages.lives import Life, Story
from sim.backend.registry import Entry, Registry, RegistryFile
from sim.backend.store import open_store
from tests.sim.backend.bench import Clock
from tests.sim.backend.evidence.people import Desk

ZONE = zoneinfo.ZoneInfo("Europe/Zurich")
FIRST = dt.date(2026, 3, 1)
DAY = dt.timedelta(days=1)
OUTAGE = range(4, 25)


@pytest.fixture
def store(tmp_path):
    """A month in which nothing came through on the days of the outage; then all at once."""
    journal = Journal("00112233445566aa", 77, bytes(range(32)))
    entry = Entry(journal.secret.hex(), [journal.epoch])
    registry.save(tmp_path / "registry.json", Registry({journal.dispenser: entry}))
    clock = Clock()
    made = open_store(tmp_path / "store.db", clock=clock)
    ingest = Ingest(made, RegistryFile(tmp_path / "registry.json"), clock, 0.0)
    # no prompts expire and no days are missed in this life: its luck is always good
    life = Life(Story.REGULAR, journal, Lucky(7), ZONE, 31)
    journal.born(dt.datetime(2026, 2, 28, 15, tzinfo=ZONE))
    for day in range(31):
        life.live(day, FIRST + day * DAY)
        if day not in OUTAGE:
            evening = dt.datetime.combine(FIRST + day * DAY, dt.time(23), ZONE)
            clock.now = round(evening.timestamp() * 1e6)
            payloads = journal.drain()
            random.Random(day).shuffle(payloads)
            for payload in payloads:
                ingest.take(topics.up("gw-1", journal.dispenser, "events"), payload)
    yield made
    made.close()


class Lucky(random.Random):
    """Never below a half."""

    def random(self) -> float:
        return 0.5 + super().random() / 2


def march(store, day, hour=9):
    desk = Desk().enrol()
    desk.enter(Kind.REGIMEN, "2026-03-01T00:00", "2026-04-01T00:00", "1 1")
    now = dt.datetime(2026, 3, 1, hour, tzinfo=ZONE) + day * DAY
    held = rows(store, desk.programme.dispensers("e1"))
    basis = Basis(desk.programme, held, round(now.timestamp() * 1000), links(store, held))
    return Evidence(basis, "e1").report("2026-03")


def test_three_weeks_without_uplink_are_silence_then_complete_by_event_date(store):
    during = [date.mark for date in march(store, 20).calendar]
    assert during == [Mark.REACHED] * 4 + [Mark.SILENT] * 16
    after = march(store, 32)
    assert [date.mark for date in after.calendar] == [Mark.REACHED] * 31
    assert len(after.counts.monitored) == 31
    assert [date.silence.late for date in after.calendar] == [d in OUTAGE for d in range(31)]
    figures = after.compartments[1].with_corrections
    assert (figures.implementation.part, figures.implementation.whole) == (31, 31)
    # what came in the outage's wake was received on few dates, and counts for its own
    assert len(after.counts.received) == 10
