"""The gateway's process is ended, and all around it goes away and comes back: nothing is lost."""

import asyncio
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from gateway import status
from sim.certificates import Pki
from tests.support.chains import make_chain
from tests.support.dispenser import ScriptedDispenser
from tests.support.gateway import SECRET, Rig, rig, until

EPOCH = 0xC0FFEE
_END_WITHIN = 8.0
"""Seconds: the goal is 2 (`make bench` says), a loaded machine must not fail this."""


def _chain(count: int) -> list[bytes]:
    return make_chain(SECRET, bytes([1] * 8), EPOCH, count)


def test_restart_after_sigkill_loses_nothing(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = _chain(900)
            one = r.dispenser(1, EPOCH, chain[:10])
            done = 10
            for kill in range(4):
                await r.run_gateway()
                acked = one.received[4]
                while done < 10 + (kill + 1) * 200 or one.received[4] == acked:
                    one.add(*chain[done : done + 5])
                    done = min(done + 5, len(chain))
                    await asyncio.sleep(0.002)
                await r.end_gateway(signal.SIGKILL)
                held = {int.from_bytes(raw[:4], "big") for raw in r.spooled((one.id, EPOCH))}
                assert held >= set(range(max(one.acked))), "acknowledged and not in the spool"
            one.add(*chain[done:])
            await r.run_gateway()
            await until(lambda: r.stored(one))

    asyncio.run(scenario())


def test_a_spool_lost_is_read_again_from_the_journals_first(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            one = r.dispenser(1, EPOCH, _chain(60))
            await r.run_gateway()
            await until(lambda: r.stored(one))
            await r.end_gateway()
            for file in r.spool.parent.glob("spool.db*"):
                file.unlink()
            sent = len(r.backend.events)
            await r.run_gateway()
            await until(lambda: r.spooled((one.id, EPOCH)) == one.records)
            one.add(*_chain(61)[60:])
            await until(lambda: r.stored(one))
            assert len(r.backend.events) == sent + 1, "published though the backend had it"

    asyncio.run(scenario())


async def _counted(r: Rig, name: str, least: int) -> None:
    count = 0
    while count < least:
        state = await asyncio.to_thread(status.ask, r.folder / "data")
        count = state["counters"][name]


def test_backend_away_is_probed_not_flooded(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = _chain(800)
            one = r.dispenser(1, EPOCH, chain[:10])
            await r.run_gateway()
            await until(lambda: r.stored(one))
            await asyncio.to_thread(r.backend.stop)
            one.add(*chain[10:])
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 800)
            await until(lambda: r.logged("backend away"))
            await _counted(r, "backend_away", 3)
            await r.end_gateway()
            counts = r.counters()
            once = sum(map(len, chain))
            assert counts["bytes_published"] < once + 100 * counts["backend_away"], "flooded"
            await r.run_gateway()
            await r.backend.start()
            await until(lambda: r.stored(one))

    asyncio.run(scenario())


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_broker_gone_and_back(tmp_path: Path, pki: Pki, how: str) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = _chain(200)
            one = r.dispenser(1, EPOCH, chain[:50])
            await r.run_gateway()
            await until(lambda: r.stored(one))
            await asyncio.to_thread(r.backend.stop)
            await (r.broker.stop() if how == "stop" else r.broker.kill())
            one.add(*chain[50:])
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 200)
            await r.broker.start()
            await r.backend.start()
            await until(lambda: r.stored(one))

    asyncio.run(scenario())


def test_port_vanishes_and_returns(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = _chain(300)
            one = r.dispenser(1, EPOCH, chain[:100])
            await r.run_gateway()
            for end in (150, 200, 300):
                await until(lambda: one.received[4] > 0)
                # half a frame is on the line when the plug is drawn
                one.write(b"\x7e\x08\x01\x03half")
                one.unplug()
                one.records = chain[:end]
                one.received.clear()
                one.plug()
            await until(lambda: r.stored(one))

    asyncio.run(scenario())


def test_records_of_an_unplugged_dispenser_are_published(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            r.backend.answers = False
            one = r.dispenser(1, EPOCH, _chain(30))
            await r.run_gateway()
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 30)
            await r.end_gateway(signal.SIGKILL)
            one.unplug()
            r.backend.answers = True
            await r.run_gateway()
            await until(lambda: r.stored(one))

    asyncio.run(scenario())


def test_sigterm_ends_within_two_seconds(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            one = r.dispenser(1, EPOCH, _chain(500))
            await r.run_gateway()
            await until(lambda: one.received[4] > 2)
            await until(lambda: r.backend.states[-1:] == [{"online": True}])
            begin = time.monotonic()
            assert await r.end_gateway() == 0
            assert time.monotonic() - begin < _END_WITHIN
            assert set(one.records[: max(one.acked)]) <= set(r.spooled((one.id, EPOCH)))
            await until(lambda: r.backend.states[-1] == {"online": False})
            await r.run_gateway()
            await until(lambda: r.stored(one))

    asyncio.run(scenario())


def test_sigterm_ends_without_broker(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            one = r.dispenser(1, EPOCH, _chain(50))
            await asyncio.to_thread(r.backend.stop)
            await r.broker.stop()
            await r.run_gateway()
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 50)
            begin = time.monotonic()
            assert await r.end_gateway() == 0
            assert time.monotonic() - begin < _END_WITHIN

    asyncio.run(scenario())


def test_spool_locked_by_another_process(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = _chain(60)
            one = r.dispenser(1, EPOCH, chain[:20])
            await r.run_gateway()
            await until(lambda: r.stored(one))
            db = sqlite3.connect(r.spool, timeout=5, isolation_level=None)
            db.execute("BEGIN IMMEDIATE")
            acked = max(one.acked)
            one.add(*chain[20:])
            await until(lambda: r.logged("locked by another process"))
            assert max(one.acked) == acked, "acknowledged without COMMIT"
            db.execute("ROLLBACK")
            db.close()
            await until(lambda: r.stored(one))
            assert r.logged("works again")
            assert r.log.read_text().count("locked by another process") == 1

    asyncio.run(scenario())


def test_a_silent_dispenser_is_asked_again(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            one: ScriptedDispenser = r.dispenser(1, EPOCH, _chain(30))
            one.silent = True
            await r.run_gateway()
            await until(lambda: one.received[1] >= 2)
            one.silent = False
            one.lose_events = 1
            await until(lambda: r.stored(one), within=20)

    asyncio.run(scenario())
