"""A gateway's spool, publisher and uplink over days of virtual time, on real sockets and TLS.

Run behind a cell by tests.bench.cellular. Time jumps to the next timer when nothing is under way
and nothing has come for a moment; it stands still while the broker owes an answer. After each
phase a line is printed, and one is read before the next; so also every four minutes, for the
backend's sake. The kernel's probes of a silent peer know only real time: when they would come is
counted, and what one costs is measured at the end.
"""

import asyncio
import json
import random
import selectors
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho

from gateway import config, credentials, pump
from gateway.clock import Clock
from gateway.counters import Counters
from gateway.database import Database
from gateway.listener import Message
from gateway.publisher import Publisher
from gateway.spool import TABLES, Link, Spool
from gateway.traffic import Traffic
from gateway.uplink import Uplink
from protocol import schema, wire

D, E = "01" * 8, 77
_QUIET_S = 0.06  # longer than an acknowledgement is delayed on Linux (40 ms, tcp(7))
_STUCK_S = 20.0
_DAY = 86_400.0
_TICK = 240.0
PROBES = 5
_HEAD = bytes.fromhex("0001")
_HEARTBEAT = int(schema.RecordType.heartbeat)


class WarpLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps; `busy` tells whether somebody owes something."""

    def __init__(self) -> None:
        self.now = 0.0
        self.heard = 0.0  # virtual time at which something came last
        self.busy: Callable[[], bool] = lambda: False
        selector = _Selector()
        selector.warp = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


class _Selector(selectors.DefaultSelector):
    warp: WarpLoop
    last = 0.0

    def select(self, timeout: float | None = None) -> Any:
        begun = time.monotonic()
        while True:
            now = time.monotonic()
            calm = timeout is not None and not self.warp.busy() and now - self.last > _QUIET_S
            found = super().select(0 if timeout == 0 or calm else 0.002)
            if found:
                self.last = time.monotonic()
                self.warp.heard = self.warp.now
                return found
            if timeout == 0:
                return found
            assert now - begun < _STUCK_S, "nothing comes, and somebody is owed something"
            if calm and timeout is not None:
                self.warp.now += timeout
                return []


class Listener:
    """What the gateway's switchboard does, without commands."""

    def __init__(self, publisher: Publisher) -> None:
        self.connected = publisher.connected
        self.disconnected = publisher.disconnected
        self.puback = publisher.puback
        self._publisher = publisher

    def message(self, message: Message) -> None:
        self._publisher.message(message.topic, message.payload)


class Month:
    """One gateway; records are put straight into its spool."""

    def __init__(self, wanted: dict[str, Any], loop: WarpLoop) -> None:
        self.loop = loop
        self.sent = 0
        self._dice = random.Random(wanted["seed"])
        self._jobs = 0
        clock = Clock(monotonic=loop.time, unix=lambda: schema.TIME_BASE + 1e7 + loop.time())
        counters = self.counters = Counters()
        tables = {
            "gateway": {"id": "gw-1", "data": wanted["folder"]},
            "uplink": wanted["uplink"],
            "publishing": {"profile": wanted["profile"], "daily_bytes": 0},
        }
        import msgspec

        settings = msgspec.convert(tables, config.Config)
        tls = credentials.tls_context(settings)
        if not wanted["resume"]:
            tls.remember = lambda sock: False  # type: ignore[method-assign]
        self._database = Database(Path(wanted["folder"]) / "spool.db", TABLES, counters)
        self._hold_time()
        self.spool = Spool(self._database, clock.unix)
        traffic = Traffic(0, counters, clock.unix)
        profile = settings.publishing.profile
        self.uplink = Uplink(
            settings.uplink, "gw-1", tls, counters, clock, traffic, profile=profile
        )
        self.probes = 0
        self.publisher = Publisher(
            *("gw-1", settings.uplink, self.spool, self.uplink, counters, clock),
            settings.publishing,
        )
        loop.busy = self._busy
        self._unix = clock.unix
        self._tag = bytes(8)

    def _hold_time(self) -> None:
        run = self._database.run

        async def held(*args: Any, **more: Any) -> Any:
            self._jobs += 1
            try:
                return await run(*args, **more)
            finally:
                self._jobs -= 1

        self._database.run = held  # type: ignore[method-assign]

    def _busy(self) -> bool:
        up = self.uplink
        connecting = up._client is not None and not up._up
        pinged = up._client is not None and up._client._ping_t > 0
        return bool(self._jobs or connecting or pinged or up._unacked)

    async def record(self, kind: int, data: bytes) -> None:
        """Let one record come from the dispenser."""
        seq, self.sent = self.sent, self.sent + 1
        now = int(self._unix()) - schema.TIME_BASE
        raw = seq.to_bytes(4, "big") + _HEAD + now.to_bytes(4, "big") + b"\0\0"
        raw += bytes([kind, len(data)]) + data + seq.to_bytes(8, "big")
        link = Link(seq, self._tag, raw)
        self._tag = raw[-8:]
        await self.spool.append(D, E, [link], seq + 1)
        self.publisher.committed(D, E, [link], seq + 1)

    async def day(self, events: list[float]) -> None:
        """18 events at these seconds of the day, a heartbeat every six hours."""
        begin = self.loop.time()
        plan = [(at, 0x20, b"\0\1") for at in events]
        plan += [(at * 21_600.0 + 60, _HEARTBEAT, bytes(12)) for at in range(4)]
        for at, kind, data in sorted(plan):
            await asyncio.sleep(max(0.0, begin + at - self.loop.time()))
            await self.record(kind, data)
        await asyncio.sleep(begin + _DAY - self.loop.time())

    async def probe(self) -> None:
        """Count the kernel's probes: one whenever nothing has come for so long."""
        after = self.uplink._keepalive.probe_after
        while after is not None:
            due = self.loop.heard + after
            await asyncio.sleep(due - self.loop.time())
            if self.loop.heard + after <= self.loop.time():
                self.loop.heard = self.loop.time()
                self.probes += self.uplink.connected

    async def tick(self) -> None:
        """Let the backend know what time it is."""
        while True:
            _tell({"tick": self._unix() - schema.TIME_BASE})
            await asyncio.sleep(_TICK)

    def probe_for_real(self) -> None:
        """Let the kernel probe `PROBES` times, a second apart."""
        sock = self.uplink._client.socket()  # type: ignore[union-attr]
        for name in (socket.TCP_KEEPINTVL, socket.TCP_KEEPIDLE):
            sock.setsockopt(socket.IPPROTO_TCP, name, 1)
        time.sleep(PROBES + 0.5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3600)

    def spread(self) -> list[float]:
        """18 events at any time from 7 to 22 o'clock."""
        return sorted(self._dice.uniform(7 * 3600.0, 22 * 3600.0) for _ in range(18))

    def doses(self) -> list[float]:
        """18 events in three groups of six, each within a minute."""
        starts = (8 * 3600.0, 13 * 3600.0, 20 * 3600.0)
        return sorted(at + self._dice.uniform(0, 60.0) for at in starts for _ in range(6))


async def main(wanted: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, WarpLoop)
    month = Month(wanted, loop)
    tasks: list[asyncio.Task[None]] = []

    async def begin(what: Callable[..., Awaitable[None]], *args: Any) -> None:
        tasks.append(asyncio.ensure_future(what(*args)))  # type: ignore[arg-type]

    hello = schema.Hello(
        device_id=bytes([1] * 8), board=bytes(8), major=0, minor=0, patch=0, version=1,
        service=schema.Service.ok, boot=1, epoch=E, first=0, next=0, tag=bytes(8), uptime=1,
        time=1, quality=schema.Quality.synced, nonce=1,
    )  # fmt: skip
    body = wire.build(hello)
    await month.spool.greet(D, E, body)
    await begin(month.publisher.run, [])
    month.publisher.greeted(D, hello, body)
    await begin(month.uplink.run, Listener(month.publisher))
    await begin(month.probe)
    await begin(month.tick)
    await asyncio.sleep(900)
    _end_of("begin", month)
    for name in ("spread", "doses"):
        # what a day leaves to the next, it gets from the one before
        for day in range(-1, wanted["days"]):
            await month.day(getattr(month, name)())
            if day < 0:
                _end_of("warm", month)
        _end_of(name, month)
    await month.record(0x24, bytes.fromhex("0001040000000000"))
    await asyncio.sleep(900)
    _end_of("urgent", month)
    if month.publisher._schedule.stays:
        month.uplink._end(month.uplink._number, "the bench ends it")
        await asyncio.sleep(900)
        _end_of("reconnect", month)
        if month.uplink._keepalive.probe_after is not None:
            month.probe_for_real()
            _end_of("probes", month)


def _end_of(phase: str, month: Month) -> None:
    counts = {name: count for name, count in month.counters if count}
    _tell({"phase": phase, "counters": counts, "probes": month.probes})
    month.probes = 0


def _tell(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    paho_time = WarpLoop()
    paho.time_func = paho_time.time
    # keepalives are looked at half a minute late at most, and 30 times more cheaply
    pump._LOOK_EVERY = 30.0  # type: ignore[attr-defined]
    asyncio.set_event_loop(paho_time)
    task = paho_time.create_task(main(json.loads(sys.argv[1])))
    paho_time.run_until_complete(task)
    import os

    os._exit(0)
