"""Real connections through both kinds of cell: delay, loss, faults, bytes."""

import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import AsyncIterator

import pytest

from sim.cell.cell import FAULTS, Cell, fault, make
from sim.cell.tunnel import possible

needs_root = pytest.mark.skipif(not possible(), reason="needs root, /dev/net/tun and iproute2")
BOTH = [pytest.param(True, marks=needs_root, id="tunnel"), pytest.param(False, id="proxy")]
# asks an echo server line by line, says how long each answer took
CLIENT = """
import socket, sys, time
host, port, patience = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
line = socket.create_connection((host, port), patience)
line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
line.settimeout(patience)
print("up", flush=True)
for asked in sys.stdin:
    begun = time.monotonic()
    try:
        line.sendall(asked.encode())
        came = line.recv(100)
        print(f"{time.monotonic() - begun:.4f}" if came else "end", flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
"""


class Client:
    """A program behind the cell."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, within: float = 30.0) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(b"hello\n")
        return await self.line(within)

    async def line(self, within: float = 30.0) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(within):
            return (await self._process.stdout.readline()).decode().strip()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1000):
            writer.write(data)
    writer.close()


@contextlib.asynccontextmanager
async def behind(root: bool) -> AsyncIterator[Cell]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    cell = make(server.sockets[0].getsockname()[:2], 1, root)
    try:
        await cell.start()
        yield cell
    finally:
        await cell.stop()
        server.close()


@contextlib.asynccontextmanager
async def client(cell: Cell, patience: float = 3.0) -> AsyncIterator[Client]:
    words = [sys.executable, "-c", CLIENT, cell.host, str(cell.port), str(patience)]
    process = await asyncio.create_subprocess_exec(
        *cell.command(words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield Client(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.mark.parametrize("root", BOTH)
def test_delay_both_ways(root: bool) -> None:
    async def scenario() -> None:
        async with behind(root) as cell:
            cell.conditions.delay_s, cell.conditions.jitter_s = 0.03, 0.0
            async with client(cell) as one:
                assert await one.line() == "up"
                times = [float(await one.ask()) for _ in range(15)]
            assert statistics.median(times) >= 0.06, times
            assert min(times) >= 0.0595
            assert cell.meter.method == ("ip" if root else "estimated")
            # 15 questions of 6 bytes, each way in packets of 58, and acknowledgements
            assert 15 * 58 <= sum(cell.meter.up.values()) <= 15 * 58 + 15 * 52 + 600

    asyncio.run(scenario())


@needs_root
def test_loss_is_cured_by_the_kernels_own_tcp() -> None:
    async def scenario() -> None:
        async with behind(True) as cell:
            cell.conditions.delay_s, cell.conditions.loss = 0.005, 0.2
            async with client(cell, 30.0) as one:
                assert await one.line() == "up"
                times = [float(await one.ask()) for _ in range(20)]
            assert max(times) > 0.2, "what was lost took a time-out of TCP at least"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("name", "root"),
    [
        *(pytest.param(name, True, marks=needs_root) for name in ("outage", "stall", "lossy")),
        ("slow", False),
        ("outage", False),
    ],
)
def test_faults_that_a_connection_survives(name: str, root: bool) -> None:
    async def scenario() -> None:
        async with behind(root) as cell, client(cell, 30.0) as one:
            assert await one.line() == "up"
            usual = float(await one.ask())
            broken = asyncio.create_task(fault(cell, name, 0.8))
            await asyncio.sleep(0.02)
            begun = time.monotonic()
            await one.ask()
            took = time.monotonic() - begun
            await broken
            if name != "lossy":
                assert took > usual + 0.5, (name, usual, took)
            await one.ask()

    asyncio.run(scenario())


@pytest.mark.parametrize("root", BOTH)
@pytest.mark.parametrize("name", ["address_change", "nat_forgets"])
def test_faults_that_end_a_connection_but_not_the_next(root: bool, name: str) -> None:
    async def scenario() -> None:
        async with behind(root) as cell:
            async with client(cell, 1.0) as one:
                assert await one.line() == "up"
                assert float(await one.ask()) > 0
                await fault(cell, name, 0.0)
                assert not (await one.ask()).startswith("0"), "it must not go on as before"
            async with client(cell) as two:
                assert await two.line() == "up" and float(await two.ask()) > 0

    asyncio.run(scenario())


@pytest.mark.parametrize("root", BOTH)
def test_a_modem_without_a_session_carries_nothing(root: bool) -> None:
    async def scenario() -> None:
        async with behind(root) as cell:
            cell.carries = lambda: False
            async with client(cell, 0.5) as one:
                # a proxy lets them in before it can know, and throws them out
                assert await one.line() == ("" if root else "up")
                assert root or not (await one.ask()).startswith("0")
            cell.carries = lambda: True
            async with client(cell) as two:
                assert await two.line() == "up"

    asyncio.run(scenario())


@needs_root
def test_link_down_and_up_again() -> None:
    async def scenario() -> None:
        async with behind(True) as cell:
            await fault(cell, "link_down", 0.1)
            async with client(cell) as one:
                assert await one.line() == "up"

    asyncio.run(scenario())


def test_an_unknown_fault_is_refused() -> None:
    async def scenario() -> None:
        async with behind(False) as cell:
            with pytest.raises(ValueError, match="is none of"):
                await fault(cell, "meteorite", 1.0)
            assert "outage" in FAULTS

    asyncio.run(scenario())
