"""A tech with the real mpremote at a dispenser of a running world: no record is lost by it."""

import asyncio
import contextlib
import os
import random
import sys
from pathlib import Path

import pytest

from sim.expected import BOOT_NS
from sim.hello import ask
from sim.inflight import InFlight
from sim.patient import Patient
from sim.report import compute
from sim.world import World

pytest_plugins = ["sim.pytest_plugin"]
pytestmark = [pytest.mark.slow]
MPREMOTE = Path(sys.executable).with_name("mpremote")
SEED = int(os.environ.get("SEED", "6"))
WITHIN = 60.0


@contextlib.asynccontextmanager
async def running(folder, image):
    """A world in real time with one dispenser, its app at work."""
    world = World(folder, SEED, ("d1",), image=image)
    try:
        await world.begin()
        await world.gateway.start()
        await asyncio.sleep(BOOT_NS / 1e9 + 1)
        yield world, world.dispensers["d1"]
    finally:
        await world.close()


async def until(condition, what):
    async with asyncio.timeout(WITHIN):
        while not condition():
            await asyncio.sleep(0.05)
    assert condition(), what


async def at_rest(world, dispenser):
    """Put it back to its gateway and wait until the store has all that its journal holds."""
    await asyncio.sleep(BOOT_NS / 1e9 + 1)
    end = (await ask(dispenser.board.port, WITHIN)).next
    await dispenser.to_gateway()
    flight = InFlight(world.folder)
    await until(lambda: flight.of(dispenser.id, dispenser.epoch).store >= end, "all stored")
    await asyncio.sleep(1)
    await world.finish()


async def mpremote(dispenser, *words):
    command = [MPREMOTE, "connect", str(dispenser.board.port), *map(str, words)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(WITHIN):
            told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, told
    return told.decode()


@pytest.mark.timeout(180)
def test_mpremote_at_a_dispenser_of_a_running_world(flashed, tmp_path):
    host = tmp_path / "host"
    (host / "deep").mkdir(parents=True)
    (host / "remote.py").write_text("print('from the host', 6 * 7)")
    (host / "deep" / "data").write_bytes(random.Random(SEED).randbytes(3000))

    async def scenario():
        async with running(tmp_path / "run", flashed) as (world, dispenser):
            patient = Patient(dispenser, random.Random(SEED))
            await patient.visit_and_press()
            await asyncio.sleep(0.5)
            await dispenser.to_bench()
            assert "rp2" in await mpremote(dispenser, "exec", "import sys; print(sys.platform)")
            await mpremote(dispenser, "resume", "exec", "x = 41")
            assert "42" in await mpremote(dispenser, "resume", "exec", "print(x + 1)")
            await mpremote(dispenser, "fs", "cp", "-r", host, ":tech")
            listed = await mpremote(dispenser, "fs", "ls", ":tech/deep")
            assert "3000 data" in listed
            await mpremote(dispenser, "rtc", "--set")
            told = await mpremote(dispenser, "mount", host, "exec", "import remote")
            assert "from the host 42" in told
            await mpremote(dispenser, "reset")
            await until(lambda: dispenser.board.exits[-1].cause == "reset", "a reset")
            await until(lambda: dispenser.board.state == "running", "running")
            await asyncio.sleep(BOOT_NS / 1e9 + 1)
            await patient.visit_and_press()
            await asyncio.sleep(0.5)
            await at_rest(world, dispenser)

    asyncio.run(scenario())
    report = compute(tmp_path / "run")
    assert report.differences == []
    assert report.records_stored >= 10
