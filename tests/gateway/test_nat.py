"""The keepalive behind an operator's NAT that forgets idle connections without a word."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway import config, credentials
from gateway.clock import Clock
from gateway.counters import Counters
from gateway.listener import Message
from gateway.traffic import Traffic
from gateway.uplink import Uplink
from sim.broker import Broker
from sim.certificates import Pki
from tests.support.gateway import GATEWAY, until

FORGETS_AFTER = 400.0
STEP = 30.0
pytestmark = pytest.mark.slow


class Nat:
    """Passes bytes until none came for `FORGETS_AFTER` s; then swallows all, both ways."""

    def __init__(self, port: int, now: Callable[[], float]) -> None:
        self.passed = 0
        self.port = 0
        self._to = port
        self._now = now
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self._to)
        last = [self._now()]
        for source, target in ((reader, forth), (back, writer)):
            task = asyncio.create_task(self._pass(source, target, last))
            self._tasks.add(task)

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, last: list[float]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if self._now() - last[0] > FORGETS_AFTER:
                    last[0] = float("-inf")
                else:
                    last[0] = self._now()
                    self.passed += len(data)
                    target.write(data)
            target.close()


class Quiet:
    """Listens to an uplink and says nothing."""

    def connected(self) -> None:
        pass

    def disconnected(self) -> None:
        pass

    def puback(self, token: int, code: int) -> None:
        pass

    def message(self, message: Message) -> None:
        pass


def test_it_comes_down_until_the_connection_holds(
    tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, looks = [0.0], [0]

    def clock() -> float:
        looks[0] += 1
        return now[0]

    # a day must not take a day: paho asks our clock, and is asked often what is due
    monkeypatch.setattr("paho.mqtt.client.time_func", clock)
    monkeypatch.setattr("gateway.pump._LOOK_EVERY", 0.005)

    async def scenario() -> None:
        broker = Broker(tmp_path, pki)
        await broker.start()
        nat = Nat(broker.port, lambda: now[0])
        await nat.start()
        own = pki.gateways[GATEWAY]
        settings = config.Uplink(
            host="127.0.0.1", port=nat.port, ca=str(pki.ca), cert=str(own.cert), key=str(own.key),
            keepalive=1200, retry_min=0.05, retry_max=0.05,
        )  # fmt: skip
        path = tmp_path / "g.toml"
        tls = credentials.tls_context(
            config.Config(gateway=config.Identity(id=GATEWAY, data=str(path)), uplink=settings)
        )
        counters, time = Counters(), Clock(monotonic=lambda: now[0])
        uplink = Uplink(settings, GATEWAY, tls, counters, time, Traffic(0, counters, time.unix))
        running = asyncio.create_task(uplink.run(Quiet()))

        async def looked(times: int) -> None:
            await until(lambda: looks[0] > times or not uplink.connected)

        async def pass_time(seconds: float) -> None:
            end = now[0] + seconds
            while now[0] < end:
                await until(lambda: uplink.connected)
                now[0] += STEP
                await looked(looks[0] + 8)

        try:
            await pass_time(3900)
            assert counters["connects_failed"] == 2, "1200 and 600 were too long"
            before = nat.passed
            await pass_time(2400)
            assert counters["connects_failed"] == 2, "300 holds"
            assert 0 < nat.passed - before < 2000, "and costs a ping now and then"
        finally:
            running.cancel()
            await asyncio.wait({running})
            await nat.stop()
            await broker.stop()

    asyncio.run(scenario())
