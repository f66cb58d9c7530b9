"""The connection itself: resumed sessions, silence, bytes, sleep; against the real mosquitto."""

import asyncio
import json
import ssl
import time
from pathlib import Path

import pytest

from gateway.counters import Counters
from gateway.keepalive import Keepalive
from gateway.traffic import Traffic, bytes_of
from sim.certificates import Pki
from tests.support.chains import make_chain
from tests.support.gateway import SECRET, rig, until

EPOCH = 0xAB
CHAIN = make_chain(SECRET, bytes([1] * 8), EPOCH, 40)


def test_the_second_connection_resumes_the_tls_session(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            one = r.dispenser(1, EPOCH, CHAIN[:20])
            # a broker that lets everybody go after a moment, but lives on
            await r.run_gateway(keepalive=5)
            await until(lambda: r.stored(one))
            await _throw_off(r.broker.port, pki)
            one.add(*CHAIN[20:])
            await until(lambda: r.stored(one))
            await r.end_gateway()
            assert r.counters()["connects"] >= 2
            assert r.counters()["sessions_resumed"] >= 1

    asyncio.run(scenario())


async def _throw_off(port: int, pki: Pki) -> None:
    """Connect as the gateway itself: the broker ends the older connection (MQTT 5.0, 3.1.4)."""
    own = pki.gateways["gw-1"]
    context = ssl.create_default_context(cafile=str(pki.ca))
    context.load_cert_chain(own.cert, own.key)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    connect = b"\0\4MQTT\5\2\0\x3c\0\0\4gw-1"
    writer.write(bytes([0x10, len(connect)]) + connect)
    assert (await reader.readexactly(4))[:1] == b"\x20"
    writer.close()


def test_a_daily_gateway_that_sleeps_says_until_when(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            one = r.dispenser(1, EPOCH, CHAIN[:20])
            await r.run_gateway(profile="daily", keepalive=1200)
            await until(lambda: r.stored(one))
            await until(lambda: len(r.backend.states) >= 2, within=20)
            state = r.backend.states[-1]
            assert isinstance(state, dict) and state["online"] is False
            assert 80_000 < state["sleeping_until"] - time.time() < 92_000
            # it is away: the broker knows of no last will, ingest goes on
            one.add(*CHAIN[20:30])
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 30)
            assert not r.stored(one)
            assert await r.end_gateway() == 0
            assert json.dumps(r.backend.states[-1]).count("sleeping_until") == 1

    asyncio.run(scenario())


def test_keepalive_halves_after_silence_and_grows_again_when_stable() -> None:
    keepalive = Keepalive(1200)
    keepalive.lost(silent=3, lasted=500)
    assert keepalive.seconds == 1200, "that was not silence"
    keepalive.lost(silent=1260, lasted=1260)
    assert keepalive.seconds == 600
    for _ in range(10):
        keepalive.lost(silent=1260, lasted=1260)
    assert keepalive.seconds == 60
    keepalive.lost(silent=10, lasted=90_000)
    assert keepalive.seconds == 120
    assert Keepalive(20).seconds == 20


def test_bytes_are_those_of_the_line_and_the_budget_alarms_once_a_day(
    caplog: pytest.LogCaptureFixture,
) -> None:
    unix = [86_400.0 * 100]

    async def scenario() -> None:
        async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100_000)
            writer.write(b"y" * 2000)

        counters = Counters()
        traffic = Traffic(20_000, counters, lambda: unix[0])
        traffic.begin(99, 1_000_000)
        assert traffic.today == 0, "another day's"
        traffic.begin(100, 3000)
        server = await asyncio.start_server(swallow, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        sock = writer.get_extra_info("socket")._sock
        writer.write(b"x" * 10_000)
        await reader.readexactly(2000)
        total = bytes_of(sock)
        assert 12_000 < total < 13_500, "payload and a header or two"
        traffic.sample(sock)
        traffic.sample(sock)
        assert traffic.today == 3000 + total
        assert counters["budget_exceeded"] == 0
        writer.write(b"x" * 10_000)
        await writer.drain()
        # the kernel counts bytes when the other end has acknowledged them
        await until(lambda: traffic.sample(sock) or counters["budget_exceeded"])
        traffic.sample(sock)
        assert counters["budget_exceeded"] == 1
        unix[0] += 86_400
        writer.write(b"x" * 10)
        await until(lambda: traffic.sample(sock) or traffic.day == 101)
        assert 10 <= traffic.today < 500
        writer.close()
        traffic.sample(sock)
        server.close()

    asyncio.run(scenario())
    assert sum("budget" in line for line in caplog.messages) == 1
