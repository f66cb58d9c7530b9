"""The gateway's process between scripted dispensers and a scripted backend, over real TLS."""

import asyncio
import signal
import sqlite3
import struct
import time
from pathlib import Path

import pytest

from gateway import status
from sim.certificates import Pki
from tests.support.chains import make_chain
from tests.support.dispenser import ScriptedDispenser
from tests.support.gateway import GATEWAY, SECRET, Rig, rig, until

EPOCH = 0xC0FFEE
_END_WITHIN = 8.0
"""Seconds: the goal is 2 (`make bench` says), a loaded machine must not fail this."""


def _chain(number: int, count: int, epoch: int = EPOCH) -> list[bytes]:
    return make_chain(SECRET, bytes([number] * 8), epoch, count)


def test_records_reach_the_backend_once_and_verbatim(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chains = [_chain(1, 120), _chain(2, 90)]
            one, two = (r.dispenser(i + 1, EPOCH, chain[:-20]) for i, chain in enumerate(chains))
            await r.run_gateway()
            await until(lambda: r.stored(one) and r.stored(two))
            for raw_one, raw_two in zip(chains[0][-20:], chains[1][-20:], strict=True):
                one.add(raw_one)
                two.add(raw_two)
                await asyncio.sleep(0)
            await until(lambda: r.stored(one) and r.stored(two))
            await until(lambda: one.watermarks and one.watermarks[-1][4:8] == b"\0\0\0\x78")
            assert one.times, "no TIME was given"

    asyncio.run(scenario())


def test_nothing_is_published_before_the_watermark_came(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            r.backend.answers = False
            one = r.dispenser(1, EPOCH, _chain(1, 30))
            await r.run_gateway()
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 30)
            await until(lambda: len(r.backend.hellos) >= 3)
            assert r.backend.events == []
            r.backend.answers = True
            await until(lambda: r.stored(one))

    asyncio.run(scenario())


def test_nothing_pruned_at_puback(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            r.backend.answers_events = False
            one = r.dispenser(1, EPOCH, _chain(1, 200))
            await r.run_gateway()
            await until(lambda: r.stored(one))
            assert await r.end_gateway() == 0
            assert r.spooled((one.id, EPOCH)) == one.records

    asyncio.run(scenario())


def test_restart_after_sigkill_loses_nothing(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = _chain(1, 900)
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
            one = r.dispenser(1, EPOCH, _chain(1, 60))
            await r.run_gateway()
            await until(lambda: r.stored(one))
            await r.end_gateway()
            for file in r.spool.parent.glob("spool.db*"):
                file.unlink()
            sent = len(r.backend.events)
            await r.run_gateway()
            await until(lambda: r.spooled((one.id, EPOCH)) == one.records)
            one.add(*_chain(1, 61)[60:])
            await until(lambda: r.stored(one))
            assert len(r.backend.events) == sent + 1, "published though the backend had it"

    asyncio.run(scenario())


def test_refused_is_read_again(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = _chain(1, 80)
            one = r.dispenser(1, EPOCH, chain[:40])
            r.backend.truth[one.id, EPOCH] = dict(enumerate(chain))
            r.backend.answers = False
            await r.run_gateway()
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 40)
            # somebody alters a record in the spool before it is published
            with sqlite3.connect(r.spool, timeout=5) as db:
                false = chain[20][:6] + b"\xff" + chain[20][7:]
                db.execute("UPDATE records SET raw=? WHERE seq=20", (false,))
            r.backend.answers = True
            await until(lambda: r.backend.refused == [(one.id, EPOCH, 20)])
            one.add(*chain[40:])
            await until(lambda: r.stored(one))
            assert r.spooled((one.id, EPOCH)) == chain
            assert (EPOCH, 20) in one.reads
            assert r.logged("seq=20 refused by the backend")

    asyncio.run(scenario())


def test_same_bytes_twice_are_published_again(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = _chain(1, 30)
            false = chain[9][:6] + b"\xff" + chain[9][7:]
            one = r.dispenser(1, EPOCH, [*chain[:9], false, *chain[10:]])
            r.backend.truth[one.id, EPOCH] = dict(enumerate(chain))
            await r.run_gateway()
            # the backend gets the same bytes twice: it stores them as REFUSED and goes on
            await until(lambda: r.stored(one))
            assert r.backend.refused == [(one.id, EPOCH, 9)]
            assert (EPOCH, 9) in one.reads

    asyncio.run(scenario())


def test_a_fork_in_the_spool_is_published_whole(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = _chain(1, 40)
            one = r.dispenser(1, EPOCH, chain)
            r.backend.answers = False
            await r.run_gateway()
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 40)
            other = chain[10][:6] + b"\x01" + chain[10][7:]
            with sqlite3.connect(r.spool, timeout=5) as db:
                db.execute(
                    "INSERT INTO records SELECT dispenser, epoch, seq, previous, ?, 0"
                    " FROM records WHERE seq=10",
                    (other,),
                )
            r.backend.answers = True
            stored = r.backend.stored[one.id, EPOCH]
            await until(lambda: len(stored) == 40 and stored[10] == {chain[10], other})

    asyncio.run(scenario())


def test_a_new_store_is_refilled_from_spool_and_journal(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            one = r.dispenser(1, EPOCH, _chain(1, 300))
            await r.run_gateway()
            await until(lambda: r.stored(one))
            with sqlite3.connect(r.spool, timeout=5) as db:
                db.execute("DELETE FROM records WHERE seq < 100")
            await asyncio.to_thread(r.backend.stop)
            r.backend.stored.clear()
            r.backend.store, r.backend.rev = 8, 0
            await r.backend.start()
            r.backend.send_watermark(GATEWAY, (one.id, EPOCH))
            await until(lambda: r.stored(one))
            assert (EPOCH, 0) in one.reads[1:]
            assert r.spooled((one.id, EPOCH)) == one.records

    asyncio.run(scenario())


def test_what_was_never_stored_is_published_again(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = _chain(1, 50)
            one = r.dispenser(1, EPOCH, chain[:20])
            await r.run_gateway(confirm_timeout=0.4, watermark_interval=0)
            await until(lambda: r.stored(one))
            # it takes the message, and loses it before COMMIT
            r.backend.answers_events = False
            one.add(*chain[20:])
            await until(lambda: r.stored(one))
            for seq in (25, 26, 40):
                r.backend.stored[one.id, EPOCH].pop(seq)
            await until(lambda: r.stored(one))

    asyncio.run(scenario())


async def _counted(r: Rig, name: str, least: int) -> None:
    count = 0
    while count < least:
        state = await asyncio.to_thread(status.ask, r.folder / "data")
        count = state["counters"][name]


def test_backend_away_is_probed_not_flooded(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = _chain(1, 800)
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
            chain = _chain(1, 200)
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
            chain = _chain(1, 300)
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
            one = r.dispenser(1, EPOCH, _chain(1, 30))
            await r.run_gateway()
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 30)
            await r.end_gateway(signal.SIGKILL)
            one.unplug()
            r.backend.answers = True
            await r.run_gateway()
            await until(lambda: r.stored(one))

    asyncio.run(scenario())


def test_a_new_epoch_leaves_the_old_one_complete(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            r.backend.answers = False
            old = r.dispenser(1, EPOCH, _chain(1, 25))
            await r.run_gateway()
            await until(lambda: len(r.spooled((old.id, EPOCH))) == 25)
            old.unplug()
            r.dispensers.clear()
            new = r.dispenser(1, EPOCH + 1, _chain(1, 15, EPOCH + 1))
            await until(lambda: len(r.spooled((new.id, EPOCH + 1))) == 15)
            r.backend.answers = True
            await until(lambda: r.stored(old) and r.stored(new))

    asyncio.run(scenario())


def test_dispensers_take_fair_turns(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            r.backend.answers = False
            long = r.dispenser(1, EPOCH, _chain(1, 2500))
            short = r.dispenser(2, EPOCH, _chain(2, 10))
            await r.run_gateway()
            await until(lambda: len(r.spooled((long.id, EPOCH))) == 2500)
            await until(lambda: len(r.spooled((short.id, EPOCH))) == 10)
            r.backend.answers = True
            await until(lambda: r.stored(long) and r.stored(short))
            turns = [dispenser for dispenser, _ in r.backend.events]
            assert turns.index(short.id) <= 3, "the short one waited behind the long one"

    asyncio.run(scenario())


def test_unconfirmed_bytes_are_bounded(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            one = r.dispenser(1, EPOCH, _chain(1, 4000))
            r.backend.answers_events = False
            await r.run_gateway()
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 4000)
            await until(lambda: sum(len(p) for _, p in r.backend.events) > 48 * 1024)
            await asyncio.sleep(0.3)
            assert sum(len(p) for _, p in r.backend.events) <= 64 * 1024
            r.backend.answers_events = True
            r.backend.send_watermark(GATEWAY, (one.id, EPOCH))
            await until(lambda: r.stored(one))

    asyncio.run(scenario())


def test_sigterm_ends_within_two_seconds(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            one = r.dispenser(1, EPOCH, _chain(1, 500))
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
            one = r.dispenser(1, EPOCH, _chain(1, 50))
            await asyncio.to_thread(r.backend.stop)
            await r.broker.stop()
            await r.run_gateway()
            await until(lambda: len(r.spooled((one.id, EPOCH))) == 50)
            begin = time.monotonic()
            assert await r.end_gateway() == 0
            assert time.monotonic() - begin < _END_WITHIN

    asyncio.run(scenario())


def test_bad_downlink_is_counted_and_the_next_good_one_works(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = _chain(1, 40)
            one = r.dispenser(1, EPOCH, chain[:20])
            await r.run_gateway()
            await until(lambda: r.stored(one))
            base = f"rtm/v1/{GATEWAY}/dn"
            r.backend.send(f"{base}/{one.id}/watermark", b"\1\2\3")
            r.backend.send(f"{base}/zz/watermark", b"")
            r.backend.send(f"{base}/{one.id}/nonsense", b"")
            r.backend.send(f"{base}/{'ab' * 8}/watermark", bytes(40))
            beyond = struct.pack(">II8sIIBB", EPOCH, 0xFFFF, bytes(8), 7, 99_999, 0, 0)
            r.backend.send(f"{base}/{one.id}/watermark", beyond)
            one.add(*chain[20:])
            await until(lambda: r.stored(one))
            assert r.spooled((one.id, EPOCH)) == chain
            await until(lambda: r.logged("watermark ignored: beyond"))
            await r.end_gateway()
            assert r.logged("downlink_malformed=3")
            assert r.logged("downlink_unknown=1")

    asyncio.run(scenario())


def test_spool_locked_by_another_process(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = _chain(1, 60)
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
            one: ScriptedDispenser = r.dispenser(1, EPOCH, _chain(1, 30))
            one.silent = True
            await r.run_gateway()
            await until(lambda: one.received[1] >= 2)
            one.silent = False
            one.lose_events = 1
            await until(lambda: r.stored(one), within=20)

    asyncio.run(scenario())
