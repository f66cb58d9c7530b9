"""Gateway, broker and backend in virtual time: the programs themselves, hours in seconds."""

import asyncio
import contextlib
import hashlib
import os
import signal

import pytest

from sim import factory, stored
from sim.clock import VirtualClock
from sim.report import STORE, compute
from sim.scenario import Scenario
from sim.stage import play
from sim.world import World
from tests.sim.hindered import hindered

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
SEED = int(os.environ.get("SEED", "3"))
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


def _flash(folder):
    # each file has the microsecond at which it was written
    return hashlib.sha256((folder / "d1" / "flash.img").read_bytes()).hexdigest()


def _bytes(folder):
    return hashlib.sha256(b"".join(r.raw for r in stored.load(folder / STORE))).hexdigest()


@pytest.mark.parametrize("hours", [1, pytest.param(24, marks=pytest.mark.soak)])
def test_the_chain_in_virtual_time_stores_the_same_bytes_twice(image, tmp_path, hours):
    """Also where the machine lets processes wait; then not only the records are the same."""
    print("SEED", SEED)
    for name in ("one", "two"):
        with hindered(SEED) if name == "two" else contextlib.nullcontext([1]) as stopped:
            report = asyncio.run(_day(tmp_path / name, image, hours))
        assert stopped
        assert report.differences == []
        assert report.agree
        assert report.records_expected == hours * 4 + 2
    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two")
    assert _flash(tmp_path / "one") == _flash(tmp_path / "two")


STANDS_S = 3.0


def test_time_waits_for_a_broker_that_the_machine_lets_wait(image, tmp_path):
    async def scenario():
        clock = VirtualClock(START_NS)
        world = World(tmp_path / "run", 5, ["d1"], clock=clock, image=image)
        try:
            await world.begin()
            await world.gateway.start()
            await clock.advance(600)
            world.dispensers["d1"].touch("lid", True)
            begun = clock.now_ns
            os.kill(world.broker.pid, signal.SIGSTOP)
            task = asyncio.create_task(clock.advance(600))
            await asyncio.sleep(STANDS_S)
            stood = clock.now_ns - begun
            os.kill(world.broker.pid, signal.SIGCONT)
            await task
            # what world's people stop is not waited for
            world.broker.signal(signal.SIGSTOP)
            world.dispensers["d1"].touch("lid", False)
            await clock.advance(600)
        finally:
            await world.close()
        # it is published after 50 s
        assert stood < 60 * 10**9

    asyncio.run(scenario())


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_month_of_one_dispenser(image, tmp_path):
    month = Scenario("month", "", 30, diary="day 1 00:01  press 1", patients={"d1": "regular"})
    report = asyncio.run(play(month, tmp_path / "run", 1, image))
    assert report.differences == []
    assert report.agree and report.chain == "verified"
    assert report.records_expected >= 30 * 8
