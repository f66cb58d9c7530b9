"""Acknowledged means durable: from a trace, and by losing what was not synced."""

import asyncio
import contextlib
import shutil
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from protocol.framing import Deframer
from sim import trace
from sim.certificates import Pki
from tests.support.chains import make_chain
from tests.support.dispenser import ACK, EVENTS
from tests.support.gateway import SECRET, Rig, rig, until

EPOCH = 0xD15C
CHAIN = make_chain(SECRET, bytes([1] * 8), EPOCH, 300)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(trace.STRACE is None, reason="needs strace"),
]
_CARELESS = """
import sys
from gateway import database
prepare = database.Database._prepare
def careless(self, connection):
    prepare(self, connection)
    connection.execute("PRAGMA synchronous=OFF")
database.Database._prepare = careless
from gateway import cli
sys.exit(cli.main(sys.argv[1:]))
"""


async def _run_until_destroyed(r: Rig, *program: str) -> set[int]:
    """Run the gateway under strace; the dispenser dies right after an ACK, and so do we."""
    r.backend.answers = False
    one = r.dispenser(1, EPOCH, CHAIN[:40])
    destroyed = asyncio.Event()

    def on_ack(_epoch: int, following: int) -> None:
        if following >= 280:
            one.unplug()
            destroyed.set()

    one.on_ack = on_ack
    await r.run_gateway(before=(*trace.command(r.folder / "trace"),), program=program)
    for start in range(40, 300, 20):
        await until(lambda start=start: max(one.acked, default=0) >= start, within=30)
        one.add(*CHAIN[start : start + 20])
    await asyncio.wait_for(destroyed.wait(), 30)
    await r.end_gateway(signal.SIGKILL)
    return set(range(max([280, *one.acked])))


def _drop_unsynced(r: Rig) -> None:
    disk = trace.Disk(r.spool.parent)
    for call in trace.calls(r.folder / "trace"):
        disk.apply(call)
    shutil.rmtree(r.spool.parent)
    disk.restore(r.spool.parent)


async def _lose_all_but_what_was_synced(tmp_path: Path, pki: Pki, *program: str) -> set[int]:
    """Return the seqs that were acknowledged and never reach the backend."""
    async with rig(tmp_path, pki) as r:
        acked = await _run_until_destroyed(r, *program)
        _drop_unsynced(r)
        (one,) = r.dispensers
        held = {int.from_bytes(raw[:4], "big") for raw in r.spooled((one.id, EPOCH))}
        r.backend.answers = True
        await r.run_gateway()
        await until(lambda: r.logged("ready:"))
        stored = r.backend.stored[one.id, EPOCH]
        if held:
            await until(lambda: held <= set(stored))
        assert all(raws == {CHAIN[seq]} for seq, raws in stored.items())
        return acked - set(stored)


def test_acknowledged_survives_the_dispenser_and_a_power_cut(tmp_path: Path, pki: Pki) -> None:
    assert asyncio.run(_lose_all_but_what_was_synced(tmp_path, pki)) == set()


def test_without_syncs_the_same_scenario_loses_records(tmp_path: Path, pki: Pki) -> None:
    program = (sys.executable, "-c", _CARELESS)
    assert asyncio.run(_lose_all_but_what_was_synced(tmp_path, pki, *program)) != set()


def test_a_sync_between_receipt_and_ack_of_every_burst(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            await _run_until_destroyed(r)
            _check_order(r.folder / "trace", r.spool.parent, tmp_path / "images")

    asyncio.run(scenario())


def _check_order(path: Path, data: Path, images: Path) -> None:
    disk, acks, synced = trace.Disk(data), 0, False
    came, gone = Deframer(), Deframer()
    for call in trace.calls(path):
        disk.apply(call)
        on_port = call.path.startswith("/dev/pts/") and call.result > 0
        if call.name == "fdatasync" and call.path.endswith("spool.db-wal"):
            synced = synced or call.result == 0
        elif call.name == "read" and on_port:
            if any(frame.type == EVENTS for frame in came.feed(call.data[: call.result])):
                synced = False
        elif call.name == "write" and on_port:
            for frame in gone.feed(call.data[: call.result]):
                if frame.type == ACK:
                    acks += 1
                    assert synced, f"ACK {acks} without a sync after the last EVENTS"
                    following = int.from_bytes(frame.body[4:], "big")
                    disk.restore(images / str(acks))
                    assert _held(images / str(acks) / "spool.db") >= set(range(following))
    assert acks >= 12


def _held(path: Path) -> set[int]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return {seq for (seq,) in db.execute("SELECT seq FROM records")}
