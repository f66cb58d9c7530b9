"""The cell where nobody is root, or time is virtual: a TCP proxy that delays, stalls and cuts.

It sees no packets: loss shows as delay, headers are estimated, and neither routes, names nor
addresses are there to fail. What it does is said in `meter.method`.
"""

import array
import asyncio
import contextlib
import fcntl
import random
import select
import socket
import termios
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from sim.cell.conditions import Conditions, Lane
from sim.cell.meter import Estimate, Meter
from sim.clock import Clock, RealClock, VirtualClock

_HOST = "127.0.0.1"
_LOOK_S = {False: 0.05, True: 1.0}  # whether anything passes again


class Proxy:
    """A cell on loopback in front of a broker; make it on the running loop.

    In virtual time a session begins without delay: a gateway's thread that connects waits in real
    time, and the world's time with it. `stirs` counts what was given to broker or gateway.
    """

    def __init__(self, broker: tuple[str, int], seed: int, clock: Clock | None = None) -> None:
        self.conditions = Conditions()
        self.meter = Meter("estimated")
        self.carries: Callable[[], bool] = lambda: True
        self.interface = ""
        self.host, self.port = _HOST, 0
        self.stirs = 0
        self.clock = clock or RealClock()
        self.virtual = isinstance(self.clock, VirtualClock)
        self.broker = broker
        self._loop = asyncio.get_running_loop()
        self._dice = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._ways: set[_Way] = set()
        if isinstance(self.clock, VirtualClock):
            self._part = self.clock.join("cell", lambda *_: None, holds=self._holds)

    def command(self, words: Sequence[str]) -> list[str]:
        """Return the command that runs `words` behind the cell: itself."""
        return list(words)

    def now(self) -> float:
        """Return seconds of the cell's time."""
        return self.clock.monotonic_ns() / 1e9

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Wait so many seconds of the cell's time."""
        return self.clock.sleep(seconds)

    async def start(self) -> None:
        """Listen on a free port, or the one it had; raises OSError."""
        self._server = await self._loop.create_server(self._arrived, _HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and end what stands."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._end_all()
        await asyncio.sleep(0)

    async def link(self, up: bool) -> None:
        """Take the link away or give it back: connections end, new ones are refused."""
        if up and self._server is None:
            await self.start()
        elif not up:
            await self.stop()

    async def change_address(self) -> None:
        """End what was connected: its address is gone."""
        self._end_all()

    def forget_connections(self) -> None:
        """Let nothing more through of the connections that stand; neither end is told."""
        for way in self._ways:
            way.forgotten = True

    @property
    def open(self) -> bool:
        """Tell whether anything passes now."""
        return self.carries() and not self.conditions.black_hole

    def lane(self, up: bool) -> Lane:
        """Return a way for one direction of a connection."""
        return Lane(self.conditions, up, self._dice)

    def left(self, way: "_Way") -> None:
        """Forget a connection that ended."""
        self._ways.discard(way)

    def _end_all(self) -> None:
        for way in list(self._ways):
            way.abort()

    def _arrived(self) -> asyncio.Protocol:
        way = _Way(self)
        self._ways.add(way)
        return way.near

    def _holds(self) -> bool:
        sockets = [] if self._server is None else self._server.sockets
        if sockets and select.select([one.fileno() for one in sockets], [], [], 0)[0]:
            return True
        return any(way.holds() for way in self._ways)


class _Way:
    """One connection through the proxy: `near` is the gateway's end, `far` the broker's."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.forgotten = False
        self.estimate = Estimate(proxy.meter)
        self.near = _End(self, up=True)
        self.far = _End(self, up=False)
        self._opening: asyncio.Task[Any] | None = None
        self._used = proxy.now()

    @property
    def at_once(self) -> bool:
        """Tell whether bytes pass without delay: a session begins in virtual time."""
        return self.proxy.virtual and not self.estimate.begun

    def opened(self) -> None:
        """Go on to the broker: the gateway has connected."""
        if self.proxy.open:
            self._opening = asyncio.ensure_future(self._open())
        else:
            self.abort()

    async def _open(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: self.far, *self.proxy.broker)
            self.far.drain_other()
        except OSError:  # a broker that is away refuses, and so do we
            self.abort()
        finally:
            self._opening = None

    def age(self) -> None:
        """Note a use; a NAT may have forgotten the connection before."""
        limit, now = self.proxy.conditions.nat_timeout_s, self.proxy.now()
        self.forgotten |= bool(limit) and now - self._used > limit
        self._used = now

    def abort(self) -> None:
        """End both ends at once."""
        self.proxy.left(self)
        if self._opening is not None:
            self._opening.cancel()
        for end in (self.near, self.far):
            end.abort()

    def over(self) -> None:
        """Note that an end is closed."""
        if self.near.closed and self.far.closed:
            self.proxy.left(self)

    def holds(self) -> bool:
        """Tell whether anything is on its way that no timer knows of."""
        return self._opening is not None or self.near.unread() or self.far.unread()


class _End(asyncio.Protocol):
    """One end of a connection; what comes here goes out at the other one, later."""

    def __init__(self, way: _Way, up: bool) -> None:
        self.closed = False
        self._way = way
        self._up = up
        self._lane = way.proxy.lane(up)
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[bytes | None] = deque()  # None: the end
        self._looks = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        made = transport.get_extra_info("socket")
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._up:
            self._way.opened()

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        self._way.age()
        self._way.estimate.see(data, self._up)
        self._waiting.append(data)
        self.drain()

    def connection_lost(self, _: Exception | None) -> None:
        """Let the other end know, as soon as anything passes."""
        self.closed = True
        if self._up:
            self._way.estimate.end()
        self._waiting.append(None)
        self.drain()
        self._way.over()

    def drain_other(self) -> None:
        """Pass on what came before this end was there."""
        self._way.near.drain()

    def drain(self) -> None:
        """Send on its way what may pass now."""
        way = self._way
        other = way.far if self._up else way.near
        while self._waiting and not way.forgotten and other.there:
            if not way.proxy.open:
                self._look_again()
                return
            data = self._waiting.popleft()
            at = None if way.at_once else self._arrives(len(data or b""))
            if at is None:
                other.give(data)
            else:
                wait = max(0.0, at - way.proxy.now())
                way.proxy.clock.call_later(wait, partial(other.give, data))

    def _arrives(self, size: int) -> float | None:
        # TCP would send again what does not arrive, for as long as its ends have patience
        return self._lane.take(size, self._way.proxy.now(), repeats=True)

    def _look_again(self) -> None:
        proxy = self._way.proxy
        if not self._looks:
            self._looks = True
            proxy.clock.call_later(_LOOK_S[proxy.virtual], self._look)

    def _look(self) -> None:
        self._looks = False
        self.drain()

    @property
    def there(self) -> bool:
        """Tell whether it can be written to, or was already closed."""
        return self._transport is not None

    def give(self, data: bytes | None) -> None:
        """Write what has arrived here; None: close."""
        if self._transport is None or self._transport.is_closing():
            return
        self._way.proxy.stirs += 1
        if data is None:
            self._transport.close()
        else:
            self._transport.write(data)

    def abort(self) -> None:
        """Close without a word."""
        self._waiting.clear()
        if self._transport is not None:
            self._transport.abort()

    def unread(self) -> bool:
        """Tell whether bytes have come that were not taken yet."""
        if self._transport is None or self._transport.is_closing():
            return False
        count = array.array("i", [0])
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._transport.get_extra_info("socket"), termios.FIONREAD, count)
        return bool(count[0])
