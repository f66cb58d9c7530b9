"""The EMERGE sheet: its four criteria, and the share that went on, by hand."""

import datetime as dt

import pytest

from sim.backend.evidence.adherence import Persistence
from sim.backend.evidence.emerge import going_on, sheet, units
from tests.sim.backend.evidence.test_report import ALL, desk, evidence, lived, started

__all__ = ["desk"]
DAY = dt.date(2026, 1, 1)


def lasting(*several):
    return [Persistence(DAY, DAY, abs(days), days < 0) for days in several]


@pytest.mark.parametrize(
    ("several", "at", "share"),
    [
        # below 0: discontinued after so many days
        (lasting(40, 40), 30, 1.0),
        (lasting(-10, 40), 30, 0.5),
        # one of four ends on day 10; one is seen to day 15 only; one of the two left ends on 20
        (lasting(-10, 15, -20, 40), 30, 0.75 * 0.5),
        (lasting(-10, 20), 30, None),
        ([Persistence(None, None, 0, False)], 30, None),
    ],
)
def test_the_share_that_went_on(several, at, share):
    assert going_on(several, at) == share


def test_the_sheet_fills_the_four_criteria(desk):
    journal = lived(started(), *[day for day in ALL if day not in (10, 11)])
    found = evidence(desk, journal)
    (unit,) = units([found])
    # activation was on 1 January 00:00 UTC, the first access on 1 March 07:00 UTC
    assert unit.waited == pytest.approx(59 + 7 / 24)
    told = sheet([found])
    for head in ("## 1 Phases", "## 2 Operational", "## 3 Measurement", "## 4 Results"):
        assert head in told
    assert "Access, not ingestion" in told
    assert "Initiation: 1 of 1" in told
    assert "0 of 1 discontinued" in told
    # until March nothing was heard: those days are not judged
    judged = sum(day.judged for day in unit.days)
    assert f"| judged | {judged} |" in told
    share = 100 * (judged - 2) / judged
    assert f"| implementation | {share:.1f} ({share:.1f} to {share:.1f}) |" in told


def test_nobody_is_a_sheet_too():
    assert "0 patients, 0 compartments" in sheet([])
