"""The backend's own placing in time: never further from the truth than it says it may be."""

import pytest

from protocol import schema
from sim import stored
from sim.expected import Expected
from sim.placed import misplaced
from sim.report import STORE, compute
from tests.sim.runs import START, Run

MS = 10**6
UPTIME, RTC, SYNCED = (schema.Quality[name] for name in ("uptime", "rtc", "synced"))
TRUE = START * MS + 60_000 * MS


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def judged(run, quality, late_ms, width_ms=50):
    """Judge a response told `late_ms` too late in a boot whose TIME_SET comes after it."""
    row = run.d1.rows[run.find("response")]
    row.t, row.quality = TRUE // MS + late_ms, quality
    row = run.d1.rows.pop(run.find("time_set"))
    at = (120, 0)  # since boot: a minute after the press
    new = divmod(TRUE // MS + 60_000 - schema.TIME_BASE * 1000, 1000)
    told = (*at, *at, UPTIME, *new, width_ms, row.data.source)
    row.t, row.data = TRUE // MS + 60_000, schema.TimeSet(*told)
    run.d1.rows.insert(run.find("response") + 1, row)
    run.write()
    records = stored.load(run.folder / STORE)
    record = next(r for r in records if r.dispenser == run.d1.id and r.kind == "response")
    item = Expected("d1", "response", record.fields, TRUE, TRUE, "button3")
    return misplaced([(item, record)], records)


@pytest.mark.parametrize(
    ("quality", "late_ms", "width_ms", "wrong"),
    [
        (UPTIME, 0, 50, False),
        (UPTIME, 1_040, 50, False),  # the judge's own second, and what is told
        (UPTIME, 1_100, 50, True),
        (UPTIME, -40_000, 50, True),
        (UPTIME, -3_000, 2_500, False),
        (SYNCED, 990, 50, False),
        (SYNCED, 7_000, 50, True),
        (RTC, 7_000, 50, False),  # told without a width
    ],
)
def test_a_place_is_as_good_as_it_says(run, quality, late_ms, width_ms, wrong):
    found = judged(run, quality, late_ms, width_ms)
    assert [(d.kind, d.seq) for d in found] == ([("misplaced", run.find("response"))] * wrong)
    if wrong:
        assert f"placed {late_ms / 1000:+.1f} s off" in found[0].text


def test_a_backend_that_places_by_the_wrong_time_set_makes_a_run_wrong(run, monkeypatch):
    run.write()
    assert compute(run.folder).differences == []
    honest = stored.load(run.folder / STORE)
    first = next(r for r in honest if r.kind == "dose")

    def by_a_later_boot(records):
        shift = 120_000
        for placed in place(records):
            moved = placed.unix_ms is not None and placed.seq == first.seq
            yield placed._replace(unix_ms=placed.unix_ms + shift) if moved else placed

    from sim.backend.placement import place

    monkeypatch.setattr("sim.placed.place", by_a_later_boot)
    report = compute(run.folder)
    assert not report.agree
    assert [line.split()[0] for line in report.differences] == ["misplaced"] * 2  # d1 and d2
