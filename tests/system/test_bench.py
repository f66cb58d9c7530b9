"""A tech looks into a dispenser of a running world with the real mpremote."""

import asyncio
import sys

import pytest

from sim.child import run
from sim.expected import BOOT_NS, WRITE_NS
from sim.inflight import InFlight
from sim.report import compute
from sim.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
BOOT = BOOT_NS / 1e9 + 0.5


async def stored(world, dispenser, count):
    flight = InFlight(world.folder)
    while flight.of(dispenser.id, dispenser.epoch).store < count:
        world.check()
        await asyncio.sleep(0.01)
    return flight.of(dispenser.id, dispenser.epoch).store


async def scene(world):
    await world.begin()
    await world.gateway.start()
    (d1,) = world.dispensers.values()
    await asyncio.sleep(BOOT)
    d1.touch("lid", True)
    # EPOCH, BOOT, TIME_SET and the lid
    await stored(world, d1, 4)
    # what comes shortly before the prompt is undecided
    await asyncio.sleep(2 * WRITE_NS / 1e9)
    await d1.to_bench()
    command = [sys.executable, "-m", "mpremote", "connect", str(d1.board.port), "fs", "ls"]
    listed = await run("mpremote", [*command, "+", "reset"], world.logs / "tech.log", 30)
    assert {"boot.py", "main.py", "journal/", "slots/"} <= set(listed.split())
    await d1.board.wait_for(lambda: d1.board.exits[-1].cause == "reset")
    await asyncio.sleep(BOOT)
    await d1.to_gateway()
    before = await stored(world, d1, 4)
    d1.touch("lid", False)
    # MAINTENANCE, BOOT, STATE and the lid
    await stored(world, d1, before + 4)
    await world.finish()


def test_mpremote_on_a_bench_and_back_to_the_gateway(tmp_path):
    async def whole():
        world = World(tmp_path / "run", 1, ["d1"])
        try:
            async with asyncio.timeout(60):
                await scene(world)
        finally:
            await world.close()

    asyncio.run(whole())
    report = compute(tmp_path / "run")
    assert report.differences == [], "\n".join(report.differences)
    assert report.agree
    assert report.undecided_records == []
    # opened, STATE after the reset, closed
    assert (report.stimuli, report.records_expected) == (2, 3)
