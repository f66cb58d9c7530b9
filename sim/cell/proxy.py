"""The cell where nobody is root: a TCP proxy that delays, stalls and cuts streams.

It sees no packets: loss shows as delay, headers are estimated, and neither routes, names nor
addresses are there to fail. What it does is said in `meter.method`.
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable, Sequence

from sim.cell.conditions import Conditions, Lane
from sim.cell.meter import Estimate, Meter

_BLOCK = 1448
_HOST = "127.0.0.1"
_LOOK_S = 0.05


class Proxy:
    """A cell on loopback in front of a broker; make it on the running loop."""

    def __init__(self, broker: tuple[str, int], seed: int) -> None:
        self.conditions = Conditions()
        self.meter = Meter("estimated")
        self.carries: Callable[[], bool] = lambda: True
        self.interface = ""
        self.host, self.port = _HOST, 0
        self._broker = broker
        self._loop = asyncio.get_running_loop()
        self._dice = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._ways: set[_Way] = set()

    def command(self, words: Sequence[str]) -> list[str]:
        """Return the command that runs `words` behind the cell: itself."""
        return list(words)

    async def start(self) -> None:
        """Listen on a free port, or the one it had; raises OSError."""
        self._server = await asyncio.start_server(self._serve, _HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and end what stands."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._end_all()

    async def link(self, up: bool) -> None:
        """Take the link away or give it back: connections end, new ones are refused."""
        if up and self._server is None:
            await self.start()
        elif not up:
            await self.stop()

    async def change_address(self) -> None:
        """End what was connected: its address is gone."""
        await self._end_all()

    def forget_connections(self) -> None:
        """Let nothing more through of the connections that stand; neither end is told."""
        for way in self._ways:
            way.forgotten = True

    async def _end_all(self) -> None:
        ways = [way.task for way in self._ways if way.task is not None]
        for task in ways:
            task.cancel()
        await asyncio.gather(*ways, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.open:
            writer.transport.abort()
            return
        way = _Way(self, self._loop.time())
        # a task of its own: the server's must not be cancelled (Python 3.11 logs that as a fault)
        way.task = asyncio.create_task(self._hand_on(way, reader, writer))
        self._ways.add(way)
        await asyncio.wait({way.task})

    async def _hand_on(
        self, way: "_Way", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        estimate = Estimate(self.meter)
        ends = [writer]
        try:
            there, back = await asyncio.open_connection(*self._broker)
            ends.append(back)
            for end in ends:
                made = end.get_extra_info("socket")
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):
                await way.carry(reader, back, there, writer, estimate)
        except OSError:
            pass  # a broker that is away refuses, and so do we
        finally:
            estimate.end()
            self._ways.discard(way)
            for end in ends:
                end.transport.abort()

    def lane(self, up: bool) -> Lane:
        """Return a way for one direction of a connection."""
        return Lane(self.conditions, up, self._dice)

    @property
    def open(self) -> bool:
        """Tell whether anything passes now."""
        return self.carries() and not self.conditions.black_hole


class _Way:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, now: float) -> None:
        self.forgotten = False
        self.task: asyncio.Task[None] | None = None
        self._proxy = proxy
        self._used = now
        self._loop = asyncio.get_running_loop()

    async def carry(
        self,
        near: asyncio.StreamReader,
        to_broker: asyncio.StreamWriter,
        far: asyncio.StreamReader,
        to_gateway: asyncio.StreamWriter,
        estimate: Estimate,
    ) -> None:
        """Carry both directions until either end is done."""
        tasks = [
            asyncio.create_task(self._pump(near, to_broker, True, estimate)),
            asyncio.create_task(self._pump(far, to_gateway, False, estimate)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up: bool,
        estimate: Estimate,
    ) -> None:
        lane = self._proxy.lane(up)
        while data := await reader.read(_BLOCK):
            self._age()
            estimate.see(data, up)
            await self._pass(lane, data)
            writer.write(data)
            await writer.drain()

    def _age(self) -> None:
        limit = self._proxy.conditions.nat_timeout_s
        now = self._loop.time()
        if limit and now - self._used > limit:
            self.forgotten = True
        self._used = now

    async def _pass(self, lane: Lane, data: bytes) -> None:
        # TCP would send again what does not arrive, for as long as its ends have patience
        while self.forgotten or not self._proxy.open:
            await asyncio.sleep(_LOOK_S)
        at = lane.take(len(data), self._loop.time(), repeats=True)
        if at is not None:
            await asyncio.sleep(max(0.0, at - self._loop.time()))
