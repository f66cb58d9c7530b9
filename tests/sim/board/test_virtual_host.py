"""Who is at the port of a board in virtual time: bytes and time keep their order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import pytest

from sim.clock import START_NS, VirtualClock
from tests.sim.board.bench import Bench
from tests.sim.board.virtual import SECOND_NS

ECHO = """
import asyncio, sys, time, micropython
micropython.kbd_intr(-1)
async def main():
    reader = asyncio.StreamReader(sys.stdin.buffer)
    while True:
        data = await reader.readexactly(8)
        sys.stdout.buffer.write(data + b"%20d" % time.time_ns())
asyncio.run(main())
"""


def test_no_byte_is_overtaken_by_time(in_virtual_time: Callable[..., None]) -> None:
    """Bytes from and to a host are work: each answer carries the time of its question."""

    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        host = os.open(bench.board.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        answers: list[tuple[int, bytes]] = []
        asked: list[int] = []
        buffer = b""

        def read() -> None:
            nonlocal buffer
            buffer += os.read(host, 4096)
            while len(buffer) >= 28:
                answers.append((clock.now_ns, buffer[:28]))
                buffer = buffer[28:]

        def ask() -> None:
            asked.append(clock.now_ns)
            os.write(host, b"%08d" % len(asked))

        asyncio.get_running_loop().add_reader(host, read)
        for number in range(300):
            clock.call_at(START_NS + SECOND_NS + number * 3_000_000, ask)
        await clock.advance(86400)
        asyncio.get_running_loop().remove_reader(host)
        os.close(host)
        assert len(answers) == 300
        for number, (at, data) in enumerate(answers):
            assert int(data[:8]) == number + 1
            assert 0 <= int(data[8:]) - reset_delta - asked[number] < 100_000
            assert 0 <= at - asked[number] < 100_000

    reset_delta = 1_609_459_200 * 10**9 - START_NS  # machine.RTC begins in 2021 at the reset
    in_virtual_time(scenario, ECHO)


@pytest.mark.slow
def test_a_host_that_does_not_read_is_given_up_in_virtual_time(
    in_virtual_time: Callable[..., None],
) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        host = os.open(bench.board.port, os.O_RDWR | os.O_NOCTTY)
        await clock.run_until(lambda: len(bench.events) == 5, within_s=500)
        os.close(host)
        assert bench.board.relay.dropped > 0
        took = bench.events[-1].time_ns - START_NS
        assert 500_000_000 <= took < 300 * SECOND_NS

    in_virtual_time(
        scenario,
        "import sys, time\nfrom machine import Pin\ntime.sleep_ms(300)\n"
        "for n in range(500):\n    sys.stdout.buffer.write(bytes(100))\n"
        "    if n % 100 == 99: Pin(15, Pin.OUT).toggle()\n",
    )


def test_mpremote_works_at_the_pace_of_real_time(in_virtual_time: Callable[..., None]) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        before = clock.now_ns
        says = await clock.paced(bench.run("import time; time.sleep(0.3); print(6 * 7)"))
        assert says.strip() == "42"
        assert 300_000_000 < clock.now_ns - before < 20 * SECOND_NS
        await clock.paced(bench.mpremote("reset"))
        # mpremote is done a moment before the board resets
        await clock.run_until(lambda: bench.board.exits[-1].cause == "reset")
        await clock.run_until(lambda: bench.console.count(b"up") == 2)

    in_virtual_time(scenario, "print('up')\n")
