"""Each of these faults really has its effect in a world, and nothing is lost when it is over.

Laws and ledger are checked after each test by the fixture.
"""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sim import faults, trace
from sim.actions import diary
from sim.hands import Hands
from sim.inflight import InFlight
from sim.shifted import sitecustomize

pytest_plugins = ["sim.pytest_plugin"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
DAY_US = 86_400 * 10**6


def drive(bench, work):
    """Let time run until `work` is done."""

    async def both():
        task = asyncio.ensure_future(work)
        while not task.done():
            await bench.world.clock.advance(5)
        return task.result()

    return bench.run(both())


def live(bench, text="press 3; open; take 1; close"):
    async def act():
        hands = Hands(bench.world.dispensers["d1"], bench.world.clock)
        for action in diary(f"day 1 00:00  {text}", "d1"):
            await hands.do(action)

    drive(bench, act())


def hop(bench):
    d = bench.world.dispensers["d1"]
    return InFlight(bench.world.folder).of(d.id, d.epoch)


def said(bench, name):
    return (bench.world.logs / f"{name}.log").read_text()


@contextlib.contextmanager
def lasting(bench, name, seconds=90):
    """Break it, let a patient live and time run; after the block it is healed, all arrives."""
    fault = faults.make(name, seed=5)
    drive(bench, fault.break_it(bench.world))
    bench.advance(15)
    live(bench)
    bench.advance(seconds)
    yield fault
    drive(bench, fault.heal(bench.world))
    bench.play("")


def test_a_gateways_disk_clock_and_certificate(world):
    clock_of_its_own(world)
    unsynced(world)
    for name in ("certificate_expired", "certificate_revoked"):
        before = hop(world)
        with lasting(world, name):
            now = hop(world)
            assert now.spool > before.spool, "dispensers are read"
            assert now.store == before.store, "nothing is delivered"
        assert "certificate" in said(world, "mosquitto")
    # with the list still in force the new certificate is good: another revoked one is refused too
    assert world.world.pki.crl.exists()


def clock_of_its_own(bench):
    with lasting(bench, "gateway_clock_wrong"):
        with sqlite3.connect(bench.world.data("gw-1") / "spool.db") as spool:
            ((came, latest),) = spool.execute(
                "SELECT count(*), max(received_at) FROM records WHERE received_at < ?", (DAY_US,)
            )
        assert came >= 4 and latest < DAY_US, "received in 1970"
    assert all(r.t is None or r.t > 10**18 for r in bench.records()), "no record says so"


def unsynced(bench):
    with lasting(bench, "gateway_unsynced_lost") as fault:
        assert (bench.world.logs / "gw-1.strace").stat().st_size > 0
    assert fault.held >= 4
    assert fault.lost == 0, "whatever was acknowledged was synced"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_full_disk_stops_reading_until_there_is_room(world):
    world.play("")
    before = hop(world)
    with lasting(world, "gateway_disk_full"):
        assert shutil.disk_usage(world.world.data("gw-1")).free < 1 << 20
        assert hop(world).spool == before.spool, "the journal is the buffer"
    assert hop(world).store > before.store
    with lasting(world, "gateway_disk_full"):
        pass


def test_a_full_disk_is_refused_without_root(world, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(faults.FaultError, match="root"):
        drive(world, faults.make("gateway_disk_full").break_it(world.world))
    monkeypatch.undo()
    assert world.world.gateway.running
    assert "gateway_disk_full" not in (world.folder / "ledger.jsonl").read_text()


def test_servers_that_refuse_and_are_slow(world, dispenser):
    world.play("")
    silent(world, dispenser)
    for name in ("broker_refusing", "backend_rejecting"):
        before = hop(world)
        with lasting(world, name):
            now = hop(world)
            assert now.spool > before.spool and now.store == before.store, name
    assert "broker refuses: 0x87" in said(world, "gateway")
    for name in ("broker_slow", "backend_slow"):
        before = hop(world)
        with lasting(world, name, 40) as fault:
            assert hop(world).store > before.store, f"{name} is slow, not down"
            assert fault.pauses >= 4


def silent(bench, dispenser):
    """Only records make a dispenser write: a fault is held to have hit something by its writes."""
    before = dispenser.board.operations
    drive(bench, bench.world.gateway.kill())
    bench.advance(900)
    drive(bench, bench.world.gateway.start())
    bench.advance(900)
    assert dispenser.board.operations == before
    for name in ("broker_slow", "line_noisy"):
        fault = faults.make(name, seed=5)
        drive(bench, fault.break_it(bench.world))
        bench.advance(60)
        assert fault.observed(bench.world) == "", "what hits no record counts for nothing"
        drive(bench, fault.heal(bench.world))


def test_without_its_eeprom_a_dispenser_notes_on(world):
    world.play("day 1 00:01  press 1")
    before = len(world.records())
    with lasting(world, "eeprom_dead"):
        assert len(world.records()) > before
    assert "response" in [r.kind for r in world.records()[before:]]


def test_a_stuck_reed_holds_whatever_hands_do_and_follows_them_when_it_is_free(world, dispenser):
    for left in (False, True):
        fault = faults.make("reed_stuck", seed=5)
        drive(world, fault.break_it(world.world))
        live(world, f"close; open; close{'; open' * left}")
        assert "lid" in dispenser.active
        drive(world, fault.heal(world.world))
        assert ("lid" in dispenser.active) == left
    live(world, "close")
    world.play("")
    kinds = [record.kind for record in world.records() if record.kind.startswith("lid")]
    assert kinds == ["lid_opened", "lid_closed"] * 2


def test_every_fault_says_in_one_line_what_it_is_and_names_are_words():
    for name, fault in faults.FAULTS.items():
        assert (fault.__doc__ or "").splitlines()[0].endswith(".")
        assert name == fault.name and name.replace("_", "").isalpha()


@pytest.mark.skipif(trace.STRACE is None, reason="needs strace")
def test_what_was_not_synced_is_dropped(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "old").write_bytes(b"as it was")
    code = (
        "import os\n"
        f"fd = os.open('{data}/new', os.O_RDWR | os.O_CREAT)\n"
        "os.pwrite(fd, b'synced', 0); os.fdatasync(fd); os.pwrite(fd, b'unsure', 0)\n"
        f"os.pwrite(os.open('{data}/old', os.O_RDWR), b'changed', 0)\n"
    )
    disk = trace.Disk(data, begun=True)
    subprocess.run([*trace.command(tmp_path / "t"), sys.executable, "-c", code], check=True)
    asyncio.run(trace.complete(tmp_path / "t", 10))
    for call in trace.calls(tmp_path / "t"):
        disk.apply(call)
    disk.restore(tmp_path / "durable")
    assert (tmp_path / "durable" / "new").read_bytes() == b"synced"
    assert (tmp_path / "durable" / "old").read_bytes() == b"as it was"
    assert (data / "new").read_bytes() == b"unsure"


def test_a_program_reads_the_clock_it_is_given():
    folder = str(Path(sitecustomize.__file__).parent)
    env = {**os.environ, "PYTHONPATH": folder, sitecustomize.CLOCK_OFFSET: "-1000000000"}
    code = "import time; print(time.time(), time.time_ns())"
    told = [
        subprocess.check_output([sys.executable, "-c", code], env=one, text=True).split()
        for one in ({**os.environ}, env)
    ]
    (true, _), (seconds, ns) = told
    assert float(seconds) - float(true) == pytest.approx(-1e9, abs=20)
    assert int(ns) / 1e9 == pytest.approx(float(seconds), abs=1)
