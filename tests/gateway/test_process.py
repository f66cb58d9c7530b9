"""The gateway's process between scripted dispensers and a scripted backend, over real TLS."""

import asyncio
import sqlite3
import struct
from pathlib import Path

from sim.certificates import Pki
from tests.support.chains import make_chain
from tests.support.gateway import GATEWAY, SECRET, rig, until

EPOCH = 0xC0FFEE


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
