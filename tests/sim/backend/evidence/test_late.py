"""A backlog that arrives after a period was frozen, and reports and pages over both databases.

Real chains through the real ingest, then the commands that people type.
"""

import json
import struct
import urllib.request
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from sim.backend import registry
from sim.backend.ingest import Ingest
from sim.backend.registry import Entry, Registry, RegistryFile
from sim.backend.store import open_store
from sim.certificates import make_pki
from tests.sim.backend.bench import Clock
from tests.sim.backend.dispenser import DOSE, TIME_SET, Dispenser, events
from tests.sim.backend.evidence.journal import BASE, ms
from tests.sim.backend.pages.serving import free_port, served
from tests.sim.backend.processes import configure
from tests.support.postgres import cluster, programs
from tools.app import app

MONTH = "2024-03"


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def store(request, tmp_path):
    """Where verified records are, as it is typed."""
    if request.param == "SQLite":
        yield str(tmp_path / "store.db")
    elif programs() is None:
        pytest.skip("PostgreSQL is not installed")
    else:
        with cluster() as url:
            yield url


@pytest.fixture
def place(store, tmp_path, monkeypatch):
    """An enrolled patient; `give` lets records of his dispenser through."""
    monkeypatch.chdir(tmp_path)
    dispenser = Dispenser()
    dispenser.born()
    entry = Entry(dispenser.secret.hex(), [dispenser.epoch])
    registry.save(tmp_path / "registry.json", Registry({dispenser.id: entry}))
    clock = Clock()
    opened = open_store(store if "://" in store else tmp_path / store, clock=clock)
    ingest = Ingest(opened, RegistryFile(tmp_path / "registry.json"), clock, 0.0)

    def give(made, at):
        clock.now = ms(at) * 1000
        ingest.take(f"rtm/v1/gw-1/up/{dispenser.id}/events", events(dispenser.epoch, made))

    for kind, value in (
        ("episode", "p1 s1 Europe/Zurich"),
        ("order", ""),
        ("consent", ""),
        ("activation", ""),
        ("assignment", dispenser.id),
        ("regimen", "1 1"),
    ):
        words = ("--by", "nurse", "--kind", kind, "--from", "2024-03-01", "--value", value)
        evidence("enter", *words)
    yield SimpleNamespace(store=store, dispenser=dispenser, give=give, folder=tmp_path)
    opened.close()


def evidence(*words):
    first, *more = words
    result = CliRunner().invoke(
        app, ["evidence", first, "--ledger", "people.db", "--episode", "e1", *more]
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def freeze(place):
    words = ("--store", place.store, "--period", MONTH, "--by", "nurse")
    return evidence("freeze", *words).splitlines()


def report(place):
    words = ("--store", place.store, "--period", MONTH, "--json")
    return json.loads(evidence("report", *words))


def lived(dispenser, days):
    """One dose at 08:00 UTC on each of these dates of March, the clock set every morning."""
    for day in days:
        at = ms(f"2024-03-{day:02}T07:00") // 1000 - BASE
        dispenser.write(TIME_SET, struct.pack(">IHIHBIHIB", 9, 0, 9, 0, 0, at, 0, 50, 1), at)
        dispenser.write(DOSE, struct.pack(">HBBB", 1, 1, 1, 1), at + 3600)
    return [dispenser.made[seq] for seq in sorted(dispenser.made)]


def dates(lines, where):
    """The dates that lines of the form `where/DATE...` name."""
    told = [line.strip() for line in lines]
    return {line[len(where) + 1 :][:10] for line in told if line.startswith(where + "/")}


def test_a_backlog_after_the_freeze_is_the_next_version_with_the_difference(place):
    early = lived(place.dispenser, range(2, 7))
    every = lived(place.dispenser, range(7, 12))
    place.give(early, "2024-03-06T20:00")
    assert freeze(place) == [f"version 1 of {MONTH} is frozen"]
    before = report(place)
    place.give(every[len(early) :], "2024-04-02T20:00")
    second = freeze(place)
    assert second[0] == f"version 2 of {MONTH} is frozen"
    late = {f"2024-03-{day:02}" for day in range(7, 12)}
    assert dates(second[1:], "counts/monitored") == late
    assert late <= dates(second[1:], "calendar")
    now = report(place)
    assert set(now["counts"]["monitored"]) - set(before["counts"]["monitored"]) == late
    assert freeze(place) == [f"version 2 of {MONTH} says the same: nothing frozen"]


@pytest.mark.slow
@pytest.mark.parametrize("store", ["PostgreSQL"], indirect=True)
def test_pages_are_served_from_a_configuration(place):
    place.give(lived(place.dispenser, range(2, 7)), "2024-03-06T20:00")
    make_pki(place.folder / "pki", [])
    config = configure(place.folder, free_port(), place.store)
    config.write_text(config.read_text() + '[pages]\nport = 8042\nledger = "people.db"\n')
    with served(place.folder, config=config) as base:
        assert "Site s1" in urllib.request.urlopen(base + "/").read().decode()
        assert "p1" in urllib.request.urlopen(base + "/site/s1").read().decode()
