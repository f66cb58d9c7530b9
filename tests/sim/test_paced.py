"""Gateway, broker and backend in virtual time: the programs themselves, hours in seconds."""

import asyncio
import hashlib

import pytest

from sim import factory, stored
from sim.clock import VirtualClock
from sim.report import STORE, compute
from sim.scenario import Scenario
from sim.stage import play
from sim.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
START_NS = 1_788_739_200 * 10**9


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return asyncio.run(factory.flashed(tmp_path_factory.getbasetemp().parent / "factory"))


async def _day(folder, image, hours):
    clock = VirtualClock(START_NS)
    world = World(folder, 5, ["d1"], clock=clock, image=image)
    try:
        await world.begin()
        await world.gateway.start()
        (dispenser,) = world.dispensers.values()
        for hour in range(hours):
            for seconds, name, active in (
                (10, "lid", True),
                (2, "beam1", True),
                (1, "beam1", False),
                (2, "lid", False),
            ):
                await clock.advance(seconds)
                dispenser.touch(name, active)
            if hour == hours // 2:
                await world.gateway.kill()
                await clock.advance(1200)
                await world.gateway.start()
            await clock.advance(3585)
            world.check()
        await clock.advance(900)
        # heartbeats wait for company
        dispenser.touch("lid", True)
        await clock.advance(2)
        dispenser.touch("lid", False)
        await clock.advance(900)
        await world.finish()
    finally:
        await world.close()
    return compute(folder)


def _bytes(folder):
    return hashlib.sha256(b"".join(r.raw for r in stored.load(folder / STORE))).hexdigest()


@pytest.mark.parametrize("hours", [1, pytest.param(24, marks=pytest.mark.soak)])
def test_the_chain_in_virtual_time_stores_the_same_bytes_twice(image, tmp_path, hours):
    for name in ("one", "two"):
        report = asyncio.run(_day(tmp_path / name, image, hours))
        assert report.differences == []
        assert report.agree
        assert report.records_expected == hours * 4 + 2
    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_month_of_one_dispenser(image, tmp_path):
    month = Scenario("month", "", 30, diary="day 1 00:01  press 1", patients={"d1": "regular"})
    report = asyncio.run(play(month, tmp_path / "run", 1, image))
    assert report.differences == []
    assert report.agree and report.chain == "verified"
    assert report.records_expected >= 30 * 8
