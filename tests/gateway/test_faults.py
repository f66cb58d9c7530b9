"""What the world does to a gateway: it recovers alone, and nothing is lost or doubled."""

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.clock import Clock
from gateway.config import load
from gateway.credentials import tls_context
from gateway.daemon import Gateway
from gateway.notify import Notifier
from gateway.spool import TABLES
from sim.certificates import Pki, make_pki
from tests.support.chains import plain_chain
from tests.support.dispenser import ScriptedDispenser
from tests.support.gateway import GATEWAY, Rig, rig, until
from tests.support.hostile import CONNACK, REFUSED, HostileBroker, malformed

EPOCH = 0xFA17
_AHEAD = 1500
pytestmark = pytest.mark.slow


async def _load(one: ScriptedDispenser, chain: list[bytes], stop: Callable[[], bool]) -> None:
    while not stop() and len(one.records) < len(chain):
        # on a loaded machine it must not run away from who reads it
        if len(one.records) - (one.acked or [0])[-1] < _AHEAD:
            one.add(*chain[len(one.records) : len(one.records) + 5])
        await asyncio.sleep(0.01)


async def _kill_often(tmp_path: Path, pki: Pki, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    async with rig(tmp_path, pki) as r:
        chain = plain_chain(kills * 1500)
        one = r.dispenser(1, EPOCH, chain[:5])
        done = False
        feeding = asyncio.create_task(_load(one, chain, lambda: done))
        for _ in range(kills):
            acked = one.received[4]
            await r.run_gateway()
            await until(lambda acked=acked: one.received[4] > acked, within=30)
            await asyncio.sleep(dice.uniform(0, 0.25))
            await r.end_gateway(signal.SIGKILL)
            held = {int.from_bytes(raw[:4], "big") for raw in r.spooled((one.id, EPOCH))}
            # pruned is only what the backend has
            held |= set(r.backend.stored[one.id, EPOCH])
            assert held >= set(range(max(one.acked))), "acknowledged and in neither"
        done = True
        await feeding
        await r.run_gateway()
        await until(lambda: r.stored(one), within=60)


def test_kills_under_load(tmp_path: Path, pki: Pki) -> None:
    asyncio.run(_kill_often(tmp_path, pki, 25, 1))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
def test_a_thousand_kills_under_load(tmp_path: Path, pki: Pki, seed: int) -> None:
    print(f"seed {seed}")
    asyncio.run(_kill_often(tmp_path, pki, 100, seed))


@pytest.mark.parametrize("seconds", [2, pytest.param(30, marks=pytest.mark.soak)])
def test_broker_away_under_load(tmp_path: Path, pki: Pki, seconds: float) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = plain_chain(int(seconds + 4) * 1000)
            one = r.dispenser(1, EPOCH, chain[:5])
            done = False
            await r.run_gateway()
            await until(lambda: r.stored(one))
            feeding = asyncio.create_task(_load(one, chain, lambda: done))
            await r.broker.kill()
            await asyncio.sleep(seconds)
            away = len(one.records)
            await r.broker.start()
            await until(lambda: len(r.backend.stored[one.id, EPOCH]) > away // 2, within=30)
            done = True
            await feeding
            await until(lambda: r.stored(one), within=30)

    asyncio.run(scenario())


def _rss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def _prefill(r: Rig, one: ScriptedDispenser, chain: list[bytes]) -> None:
    r.spool.parent.mkdir(exist_ok=True)
    with contextlib.closing(sqlite3.connect(r.spool)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(TABLES)
        previous = [bytes(8), *(raw[-8:] for raw in chain)]
        rows = (
            (one.id, EPOCH, seq, previous[seq], raw, int(time.time() * 1e6))
            for seq, raw in enumerate(chain)
        )
        db.executemany("INSERT INTO records VALUES(?, ?, ?, ?, ?, ?)", rows)
        db.execute("INSERT INTO cursor VALUES(?, ?, ?)", (one.id, EPOCH, len(chain)))
        db.commit()


def test_a_backlog_of_weeks(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = plain_chain(50_000, urgent=(49_990,))
            one = r.dispenser(1, EPOCH, chain)
            _prefill(r, one, chain)
            r.backend.answers = False
            await r.run_gateway()
            await until(lambda: one.reads)
            assert r.process is not None
            before = most = _rss(r.process.pid)
            r.backend.answers = True
            while len(r.backend.stored[one.id, EPOCH]) < 50_000:
                most = max(most, _rss(r.process.pid))
                await asyncio.sleep(0.02)
            await until(lambda: r.stored(one))
            assert most - before <= 10e6, f"{before} grew to {most}"
            first = int.from_bytes(r.backend.events[0][1][13:17], "big")
            assert first == 49_990, "the newest urgent one waited behind the backlog"
            sent = sum(payload[12] for _, payload in r.backend.events)
            assert sent == 50_000, "published once each"

    asyncio.run(scenario())


def test_a_dispenser_moved_to_another_gateway_and_back(tmp_path: Path) -> None:
    pki = make_pki(tmp_path / "pki2", [GATEWAY, "gw-2"])

    async def scenario() -> None:
        async with rig(tmp_path / "a", pki) as a:
            b = Rig(tmp_path / "b", pki, "gw-2")
            b.folder.mkdir()
            b.broker, b.backend = a.broker, a.backend
            chain = plain_chain(600)
            one = a.dispenser(1, EPOCH, chain[:100])
            a.backend.answers = False
            b.dispensers.append(one)
            try:
                await a.run_gateway()
                await until(lambda: len(a.spooled((one.id, EPOCH))) == 100)
                a.backend.answers = True
                for turn in range(4):
                    here, there = (a, b) if turn % 2 else (b, a)
                    one.unplug()
                    one.link = here.folder / "port1"
                    if here.process is None:
                        await here.run_gateway()
                    one.plug()
                    one.add(*chain[len(one.records) : len(one.records) + 100])
                    await until(
                        lambda here=here: here.spooled((one.id, EPOCH))[-1:] == one.records[-1:]
                    )
                    assert there.process is not None
                await until(lambda: a.stored(one))
            finally:
                if b.process is not None:
                    await b.end_gateway(signal.SIGKILL)

    (tmp_path / "a").mkdir()
    asyncio.run(scenario())


def test_hostile_brokers_and_then_a_good_one(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = plain_chain(200)
            one = r.dispenser(1, EPOCH, chain[:20])
            await asyncio.to_thread(r.backend.stop)
            await r.broker.stop()
            scripts = [b"", CONNACK, REFUSED, *malformed(f"rtm/v1/{GATEWAY}/dn/x/watermark")]
            hostile = HostileBroker(r.broker.port, pki, [*scripts, CONNACK])
            await hostile.start()
            await r.run_gateway(retry_max=0.1)
            for count in range(20, 200, 20):
                seen = hostile.seen
                one.add(*chain[count : count + 20])
                await until(lambda: len(r.spooled((one.id, EPOCH))) == len(one.records))
                await until(lambda seen=seen: hostile.seen > seen, within=20)
            await until(lambda: hostile.seen > len(scripts) + 2, within=30)
            await hostile.stop()
            await r.broker.start()
            await r.backend.start()
            await until(lambda: r.stored(one), within=30)
            assert "Traceback" not in r.log.read_text()

    asyncio.run(scenario())


def test_a_port_that_hangs_on_write(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = plain_chain(60)
            one = r.dispenser(1, EPOCH, chain[:20])
            await r.run_gateway()
            await until(lambda: r.stored(one))
            assert one._fds is not None
            loop = asyncio.get_running_loop()
            loop.remove_reader(one._fds[0])
            other = os.open(os.ttyname(one._fds[1]), os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)

            def hangs() -> bool:
                # the kernel moves bytes on behind our back: it is full when it stays full
                for size in (256, 1):
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            os.write(other, b"~" * size)
                return r.logged("takes no more bytes")

            hangs()
            one.add(*chain[20:])
            await until(hangs, within=20)
            os.close(other)
            loop.add_reader(one._fds[0], one._readable)
            await until(lambda: r.stored(one), within=20)

    asyncio.run(scenario())


def test_in_1970_records_are_read_and_no_time_is_given(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = plain_chain(60)
            one = r.dispenser(1, EPOCH, chain[:30])
            settings = load(r.config())
            Path(settings.gateway.data).mkdir()
            offset = [time.time()]
            clock = Clock(unix=lambda: time.time() - offset[0])
            stop = asyncio.Event()
            gateway = Gateway(settings, tls_context(settings), clock, Notifier())
            running = asyncio.create_task(gateway.run(stop))
            await until(lambda: r.stored(one))
            assert one.times == []
            offset[0] = 0.0
            one.add(*chain[30:])
            await until(lambda: r.stored(one))
            one.reboot()
            await until(lambda: one.times, within=20)
            stop.set()
            await running
            # what came in 1970 is not old because of that
            assert r.spooled((one.id, EPOCH)) == chain

    asyncio.run(scenario())


def test_an_expired_certificate_stops_nothing_but_the_uplink(tmp_path: Path) -> None:
    own = make_pki(tmp_path / "own", [GATEWAY])
    mine = own.gateways[GATEWAY]
    good = mine.cert.read_bytes(), mine.key.read_bytes()
    own.reissue(GATEWAY, expired=True)

    async def scenario() -> None:
        async with rig(tmp_path, own) as r:
            chain = plain_chain(60)
            one = r.dispenser(1, EPOCH, chain[:30])
            await r.run_gateway()
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 30)
            await until(lambda: r.logged("uplink: "))
            one.add(*chain[30:])
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 60)
            assert r.backend.events == []
            # renewed: it goes on without a restart
            mine.cert.write_bytes(good[0])
            mine.key.write_bytes(good[1])
            await until(lambda: r.stored(one), within=20)

    asyncio.run(scenario())


def test_a_spool_overwritten_under_way(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = plain_chain(4000)
            one = r.dispenser(1, EPOCH, chain[:2000])
            r.backend.answers = False
            await r.run_gateway()
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 2000)
            await r.end_gateway()
            await r.run_gateway()
            await until(lambda: one.received[1] > 1)
            with r.spool.open("r+b") as file:
                file.seek(4096)
                file.write(b"\xa5" * (r.spool.stat().st_size - 4096))
            one.add(*chain[2000:])
            await until(lambda: max(one.acked, default=0) == 4000)
            # until then its cache may have hidden the damage
            await r.end_gateway(signal.SIGKILL)
            await r.run_gateway()
            r.backend.answers = True
            await until(lambda: r.stored(one), within=30)
            assert r.logged("set aside")
            await until(lambda: r.spooled((one.id, EPOCH)) == chain)

    asyncio.run(scenario())


def test_a_spool_deleted_under_way(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = plain_chain(300)
            one = r.dispenser(1, EPOCH, chain[:200])
            r.backend.answers = False
            await r.run_gateway()
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 200)
            for file in r.spool.parent.glob("spool.db*"):
                file.unlink()
            one.add(*chain[200:])
            await until(lambda: r.logged("deleted or replaced"))
            r.backend.answers = True
            await until(lambda: r.stored(one))
            await until(lambda: r.spooled((one.id, EPOCH)) == chain)

    asyncio.run(scenario())
