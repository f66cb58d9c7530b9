"""Ctrl-C at any moment, as on rp2: between two steps of the program, never inside the flash."""

import asyncio
import os
import random
import re
import termios
from collections.abc import Callable

import pytest

from tests.sim.board.bench import Bench

STORM = """
import os
caught = round = 0
print("storm")
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


ANSWER = re.compile(rb"(caught \d+\n|>>> )$")


async def storm(bench: Bench, count: int, seed: int) -> None:
    """Send Ctrl-C at random moments of a writing program; each must be answered.

    One that comes between the program's two `try` ends it, rightly: it is started again.
    """
    rng = random.Random(seed)
    await bench.printed(b"storm\n")
    port = os.open(bench.board.port, os.O_RDWR | os.O_NOCTTY)
    try:
        for _ in range(count):
            await tell(bench, port, b"\x03", ANSWER)
            if bench.console.endswith(b">>> "):
                await tell(bench, port, b"\x04", re.compile(rb"storm\n$"))
            await asyncio.sleep(rng.random() * 0.01)
    finally:
        os.close(port)


async def tell(bench: Bench, port: int, key: bytes, answer: re.Pattern[bytes]) -> None:
    """Press a key and wait for what the board prints last."""
    before = len(bench.console)
    os.write(port, key)
    await bench.board.wait_for(lambda: bool(answer.search(bench.console[before:])))
    termios.tcflush(port, termios.TCIFLUSH)


TICKING = """
import machine, time
ticks = 0
def tick(timer):
    global ticks
    ticks += 1
    with open("ticks", "wb") as f:
        f.write(b"%08d" % ticks * 100)
tick(None)
timer = machine.Timer(period=3, callback=tick)
for n in range(300):
    with open("main", "wb") as f:
        f.write(b"%08d" % n * 100)
    with open("ticks", "rb") as f:
        data = f.read()
    assert data == data[:8] * 100
timer.deinit()
print("both", ticks > 20, open("main", "rb").read() == b"%08d" % 299 * 100)
"""


def test_a_callback_that_writes_never_meets_a_write_half_done(
    on_bench: Callable[..., None],
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main=TICKING)
        await bench.board.power_on()
        await bench.printed(b">>> ", timeout=20)
        assert b"both True True" in bench.console, bench.console

    on_bench(scenario, off=True)


@pytest.mark.parametrize("count", [200, pytest.param(1500, marks=pytest.mark.slow)])
def test_ctrl_c_during_flash_writes(on_bench: Callable[..., None], count: int) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main=STORM)
        await bench.board.power_on()
        await storm(bench, count, seed=count)
        assert bench.board.state == "running"
        assert {end.cause for end in bench.board.exits} <= {"soft reset"}
        assert bench.console.count(b"caught") >= count // 2
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
