"""Ctrl-C at any moment, as rp2 has it: between two steps of the program, never inside the flash."""

import asyncio
import os
import random
from collections.abc import Callable

import pytest

from tests.sim.board.bench import Bench

STORM = """
import os
caught = round = 0
while True:
    try:
        while True:
            round += 1
            with open("log", "ab") as f:
                f.write(b"%08d" % round * 16)
            if round % 40 == 0:
                os.rename("log", "old")
    except KeyboardInterrupt:
        caught += 1
        print("caught", caught)
"""


async def storm(bench: Bench, count: int, seed: int) -> None:
    """Send Ctrl-C at random moments of a writing program; each must be answered."""
    rng = random.Random(seed)
    port = os.open(bench.board.port, os.O_RDWR | os.O_NOCTTY)
    try:
        for number in range(count):
            os.write(port, b"\x03")
            answered = len(bench.console)
            await bench.board.wait_for(lambda: len(bench.console) > answered)  # noqa: B023
            os.set_blocking(port, False)
            os.read(port, 4096) if number % 10 == 0 else None
            await asyncio.sleep(rng.random() * 0.01)
    finally:
        os.close(port)


@pytest.mark.parametrize("count", [200, pytest.param(1500, marks=pytest.mark.slow)])
def test_ctrl_c_during_flash_writes(on_bench: Callable[..., None], count: int) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main=STORM)
        await bench.board.power_on()
        await storm(bench, count, seed=count)
        assert bench.board.state == "running"
        assert not bench.board.exits, bench.board.exits
        assert bench.console.count(b"caught") >= 10
        await bench.board.power_cut()
        fs = bench.filesystem()
        fs.mount()
        for name in set(fs.listdir("/")) & {"log", "old"}:
            data = bench.read(name)
            numbers = [int(data[at : at + 8]) for at in range(0, len(data) // 8 * 8, 8)]
            assert numbers == sorted(numbers)
        bench.install(main="print('healthy')")
        await bench.board.power_on()
        await bench.printed(b"healthy")

    on_bench(scenario, off=True)
