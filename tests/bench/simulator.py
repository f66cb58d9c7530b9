"""How fast the world turns: virtual days of one dispenser, and a ward in real time."""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sim import factory
from sim.fleet import fleet
from sim.scenario import Scenario
from sim.stage import play
from tests.bench.figures import Figure

_DAYS = int(os.environ.get("DAYS", "3"))
_MONTH = 30
_WARD = 100
_LIVES_S = 60.0


def figures() -> Iterator[Figure]:
    """A month is measured by some of its days: they are alike, and making the world is apart.

    `DAYS=30` in the environment measures them all.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = asyncio.run(factory.flashed(folder / "factory"))
        made, made_used = _seconds(folder / "made", image, 0)
        seconds, used = _seconds(folder / "days", image, _DAYS)
        day = (seconds - made) / _DAYS
        yield Figure("a world made, begun and judged", made, "s")
        yield Figure("a virtual day of one dispenser", day, "s")
        # on a machine that does other things besides, this is what can be compared
        own = (used - made_used) / _DAYS
        yield Figure("a virtual day of one dispenser, processor time", own, "s", most=6)
        name = f"30 virtual days, of which {_DAYS} were measured"
        yield Figure(name, made + _MONTH * day, "s", most=180)
        yield from _ward(folder / "ward", image)


def _seconds(folder: Path, image: bytes, days: int) -> tuple[float, float]:
    """Return how long it took, and the processor time of all parts (times(2))."""
    patients = {"d1": "regular"} if days else {}
    scenario = Scenario(
        "days", "Taking as told.", days, diary="day 1 00:01  press 1", patients=patients
    )
    began, used = time.perf_counter(), sum(os.times()[:4])
    report = asyncio.run(play(scenario, folder, 1, image))
    assert report.agree, report.differences
    return time.perf_counter() - began, sum(os.times()[:4]) - used


def _ward(folder: Path, image: bytes) -> Iterator[Figure]:
    ward = asyncio.run(fleet(folder, 1, _WARD, _LIVES_S, image, lambda _: None))
    yield Figure("100 dispensers made", ward.made_s, "s")
    yield Figure("cores used while nobody touches them", ward.idle_cores, "cores")
    yield Figure("cores used while their patients live", ward.cores, "cores", most=2)
    yield Figure("records stored", ward.report.records_stored, "records")
    wrong = len(ward.report.differences) + (not ward.report.agree)
    yield Figure("differences of ledger and store", wrong, "", most=0)
