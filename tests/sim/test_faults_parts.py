"""What faults are made of, each alone: certificates at a broker, a small disk, dead writes."""

import asyncio
import errno
import os
import ssl
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sim.broker import Broker
from sim.certificates import make_pki
from sim.clock import VirtualClock
from sim.faults import FAULTS, disk
from sim.faults.board import NoisyLine
from sim.faults.modem import OfModem
from sim.faults.server import BackendRejecting
from sim.scenarios import SCENARIOS

# MQTT 5.0, 3.1: CONNECT, clean start, keep alive 60 s, no properties, client id of 4 bytes
CONNECT = b"\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x04gw-x"
CONNACK = b"\x20"


def context(pki, gateway):
    own = pki.gateways[gateway]
    made = ssl.create_default_context(cafile=str(pki.ca))
    made.load_cert_chain(own.cert, own.key)
    return made


async def accepted(broker, pki, gateway):
    """Whether the broker answers a CONNECT; with TLS 1.3 a refusal comes after the handshake."""
    try:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", broker.port, ssl=context(pki, gateway)
            )
            writer.write(CONNECT)
            answer = await reader.read(1)
            writer.transport.abort()
    except OSError:
        return False
    return answer == CONNACK


def test_expired_and_revoked_certificates_are_refused_and_new_ones_are_good(tmp_path):
    async def scenario():
        pki = make_pki(tmp_path / "pki", ["gw-1", "gw-2"])
        broker = Broker(tmp_path, pki)
        await broker.start()
        try:
            assert await accepted(broker, pki, "gw-1")
            pki.reissue("gw-1", expired=True)
            assert not await accepted(broker, pki, "gw-1")
            pki.reissue("gw-1")
            assert await accepted(broker, pki, "gw-1")
            for gateway in ("gw-1", "gw-2"):
                pki.revoke(gateway)
            await broker.kill()
            await broker.start()
            assert not await accepted(broker, pki, "gw-1")
            assert not await accepted(broker, pki, "gw-2")
            pki.reissue("gw-1")
            assert await accepted(broker, pki, "gw-1")
            assert not await accepted(broker, pki, "gw-2")
        finally:
            await broker.kill()

    asyncio.run(scenario())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_small_disk_is_full_has_room_again_and_leaves_the_files_where_they_were(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "spool.db").write_bytes(b"as it was")
    disk._mount(folder)
    try:
        assert (folder / "spool.db").read_bytes() == b"as it was"
        disk._fill(folder / "filler")
        with pytest.raises(OSError) as full, (folder / "more").open("wb", buffering=0) as file:
            file.write(bytes(100))
        assert full.value.errno == errno.ENOSPC
        (folder / "filler").unlink()
        (folder / "more").write_bytes(b"written on the small disk")
    finally:
        disk._unmount(folder)
    assert not os.path.ismount(folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        "spool.db": b"as it was",
        "more": b"written on the small disk",
    }
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_a_backend_that_rejects_can_write_no_file_until_it_is_mended(tmp_path):
    code = (
        "import sqlite3, sys\n"
        f"db = sqlite3.connect('{tmp_path}/s.db', isolation_level=None)\n"
        "db.execute('PRAGMA journal_mode=WAL'); db.execute('CREATE TABLE t(x)')\n"
        "for line in sys.stdin:\n"
        "    try:\n"
        "        db.execute('INSERT INTO t VALUES(1)'); told = 'stored'\n"
        "    except sqlite3.OperationalError as error: told = str(error)\n"
        "    print(told, flush=True)\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:

        def insert():
            process.stdin.write("\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        world = SimpleNamespace(backend=SimpleNamespace(pid=process.pid))
        fault = BackendRejecting("backend")
        assert insert() == "stored"
        asyncio.run(fault.strike(world))
        assert insert() == "disk I/O error"
        assert insert() == "disk I/O error"
        asyncio.run(fault.mend(world))
        assert insert() == "stored"
        process.stdin.close()


class Line:
    """A cable as a fault sees it: what comes out of it, and when (s)."""

    def __init__(self, clock):
        self.relay, self.plugged = self, True
        self.tamper = None
        self.came = []
        self._clock = clock

    def arrive(self, sender, data):
        self.came.append((sender, data, self._clock.monotonic_ns() / 1e9))


def noise(monkeypatch, pieces, seed):
    """Send pieces over a noisy line, ten a second; returns the line, and what the fault did."""

    async def send():
        clock = VirtualClock()
        line = Line(clock)
        monkeypatch.setattr(NoisyLine, "emulated", lambda *_: line)
        fault = NoisyLine("d1", seed)
        world = SimpleNamespace(clock=clock)
        await fault.strike(world)
        for piece in pieces:
            line.arrive("host", line.tamper("host", piece))
            await clock.advance(0.1)
        await fault.mend(world)
        assert line.tamper is None
        return line, fault

    return asyncio.run(send())


def test_a_noisy_line_flips_loses_doubles_and_delays(monkeypatch):
    pieces = [bytes([n % 256, n // 256] * 4) for n in range(2000)]
    line, fault = noise(monkeypatch, pieces, 4)
    assert set(fault.hurt) == {"flipped", "lost", "doubled", "late"}
    assert 300 < sum(fault.hurt.values()) < 500, "a fifth of them"
    out = b"".join(data for _, data, _ in line.came)
    changed = 8 * fault.hurt["doubled"] - fault.hurt["lost"]
    assert len(out) == sum(map(len, pieces)) + changed


def test_what_is_late_on_a_line_comes_whole_and_in_order(monkeypatch):
    late = NoisyLine._hurt
    monkeypatch.setattr(
        NoisyLine, "_hurt", lambda self, sender, _, data: late(self, sender, "late", data)
    )
    pieces = [n.to_bytes(2, "big") for n in range(300)]
    line, _ = noise(monkeypatch, pieces, 4)
    assert b"".join(data for _, data, _ in line.came) == b"".join(pieces)
    sent = {n: n / 10 for n in range(300)}
    lags = [
        at - sent[int.from_bytes(data[i : i + 2], "big")]
        for _, data, at in line.came
        for i in range(0, len(data), 2)
    ]
    assert 0.5 < max(lags) <= NoisyLine.latest_s + 0.01
    assert min(lags) == pytest.approx(0, abs=0.01)


def test_every_fault_strikes_in_a_story():
    played = set().union(*(story.faults() for story in SCENARIOS.values()))
    real_time = {"cell_names_fail"}
    elsewhere = {name for name, fault in FAULTS.items() if issubclass(fault, OfModem)}
    assert played <= set(FAULTS)
    assert set(FAULTS) - played - elsewhere == real_time


def test_the_page_names_every_fault():
    text = (Path(__file__).parent.parent.parent / "docs" / "simulator.md").read_text()
    named = {name for name in FAULTS if f"`{name}`" in text}
    assert {name.partition("_")[0] for name in FAULTS.keys() - named} == {"cell", "modem"}
