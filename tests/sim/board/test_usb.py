"""The USB cable: hang-up, closed port, a host that does not read, faults on the line."""

import asyncio
import errno
import os
from collections.abc import Callable

import pytest

from tests.sim.board.bench import Bench

ECHO = """
import asyncio, sys, micropython
from machine import Pin
micropython.kbd_intr(-1)
async def main():
    reader = asyncio.StreamReader(sys.stdin.buffer)
    vbus = Pin(24, Pin.IN)
    print("ready")
    while True:
        data = await reader.readexactly(4)
        sys.stdout.buffer.write(bytes((vbus.value(),)) + data)
asyncio.run(main())
"""


async def answer(port: int, count: int) -> bytes:
    """Bytes from an open port."""
    loop, data = asyncio.get_running_loop(), b""
    async with asyncio.timeout(5):
        while len(data) < count:
            arrived = loop.create_future()
            loop.add_reader(port, lambda: arrived.done() or arrived.set_result(None))  # noqa: B023
            await arrived
            loop.remove_reader(port)
            data += os.read(port, 4096)
    return data


def opened(bench: Bench) -> int:
    """The port, opened as a program would."""
    return os.open(bench.board.port, os.O_RDWR | os.O_NOCTTY)


def test_binary_passes_and_the_cable_can_be_pulled(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main=ECHO)
        await bench.board.power_on()
        await bench.printed(b"ready")
        pid = bench.board.pid
        port = opened(bench)
        greeting = await answer(port, 6)
        assert greeting == b"ready\n"
        for start in range(0, 256, 4):
            four = bytes(range(start, start + 4))  # also Ctrl-C, Ctrl-D and XON
            os.write(port, four)
            assert await answer(port, 5) == b"\x01" + four
        await bench.board.unplug()
        assert not bench.board.port.is_symlink()
        try:
            assert os.read(port, 1) == b""
        except OSError as error:
            assert error.errno == errno.EIO
        with pytest.raises(OSError, match="Input/output error"):
            os.write(port, b"x")
        os.close(port)
        await bench.board.plug()
        port = opened(bench)
        os.write(port, b"back")
        assert await answer(port, 5) == b"\x01back"
        os.close(port)
        assert bench.board.pid == pid

    on_bench(scenario, off=True)


def test_a_closed_port_keeps_the_last_256_bytes(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main="for n in range(100):\n    print('line', n)\nprint('done')\n")
        await bench.board.power_on()
        await bench.printed(b">>> ")
        port = opened(bench)
        kept = await answer(port, 256)
        os.close(port)
        assert kept == bench.console[-256:]

    on_bench(scenario, off=True)


def test_a_host_that_does_not_read_costs_the_rest_but_not_the_board(
    on_bench: Callable[..., None],
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main="import sys, time\nfrom machine import Pin\ntime.sleep_ms(300)\n"
                           "for n in range(500):\n    sys.stdout.buffer.write(bytes(100))\n"
                           "    if n % 100 == 99: Pin(15, Pin.OUT).toggle()\n")  # fmt: skip
        await bench.board.power_on()
        port = opened(bench)
        await bench.board.wait_for(lambda: bench.board.relay.dropped > 0)
        first = bench.board.relay.dropped
        await bench.board.wait_for(lambda: bench.board.relay.dropped > first)
        assert first <= 256
        assert len(bench.events) < 5  # it is held up
        os.close(port)
        await bench.board.wait_for(lambda: len(bench.events) == 5)

    on_bench(scenario, off=True)


def test_faults_on_the_line_come_from_the_hook(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.install(main=ECHO)
        await bench.board.power_on()
        await bench.printed(b"ready")
        bench.board.relay.tamper = lambda sender, data: (
            data.replace(b"b", b"") if sender == "host" else data.upper()
        )
        port = opened(bench)
        os.write(port, b"abcabc")
        assert (await answer(port, 11))[-5:] == b"\x01ACAC"
        os.close(port)

    on_bench(scenario, off=True)
