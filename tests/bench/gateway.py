"""The gateway beside two scripts that do the same job: a naive one, and the plainest durable one.

All three read frames of 20 records from a PTY and publish to the same mosquitto over TLS on
loopback. `naive` forwards each frame and stores nothing; `plain` stores each frame in SQLite
(WAL, FULL) and then publishes it, one message a frame, and answers ACK. Neither has sessions,
detours, watermarks or a limit. The host is whatever `make bench` runs on: ratios hold, absolutes
do not.

Latency is from a frame's last byte in the port until the broker's PUBACK passes on loopback; who
may not look at that is told the time until a subscriber has the record, which is longer.
"""

import asyncio
import os
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sim.certificates import Pki, make_pki
from sim.child import tied
from tests.bench.figures import Figure
from tests.bench.tap import Tap
from tests.support.dispenser import ScriptedDispenser
from tests.support.gateway import GATEWAY, ROOT, Rig, rig, until
from tests.support.rtm import Key, ScriptedBackend

_EPOCH = 77
_BULK = 20_000
_ROUNDS = 3
_LATENCIES = 100
_EVERY = 1000
_SYNCS, _SYNCED = 20, 8192
_PAUSE_S = 0.1
_SETTLE_S = 2.0
_IDLE_S = 10.0
_P50 = "latency p50, urgent, 10 a second"
_P99 = "latency p99, urgent, 10 a second"
_HAD = "  until a subscriber has it, p50"
_PUBACK = 26
"""Bytes of a PUBACK without reason code in a TLS record: 4 + 22 (MQTT 5.0, 3.4; RFC 8446)."""
_SCRIPTS = Path(__file__).with_name("scripts")
_TICKS = os.sysconf("SC_CLK_TCK")


def figures() -> Iterator[Figure]:
    """Measure gateway, naive and plain script in turn."""
    yield from asyncio.run(_all())


def _sync_ms(folder: Path, grows: bool) -> float:
    """Return the median of a write and its fdatasync, 10 a second: the floor of every ACK.

    grows: each write moves the file's end, otherwise all are on one place.
    """
    taken = []
    with (folder / "sync").open("wb", buffering=0) as file:
        file.write(bytes(_SYNCED))
        os.fdatasync(file.fileno())
        for number in range(_SYNCS):
            time.sleep(_PAUSE_S)
            begun = time.perf_counter()
            os.pwrite(file.fileno(), bytes(_SYNCED), (number + 1) * _SYNCED if grows else 0)
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


async def _all() -> list[Figure]:
    found: list[Figure] = []
    measured: dict[str, dict[str, float]] = {}
    synced: dict[bool, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, grows in (("written over", False), ("appended", True)):
            synced[grows] = _sync_ms(Path(folder), grows)
            text = f"8 kB {name} and synced, p50, 10 a second"
            found.append(Figure(text, synced[grows], "ms"))
        for name in ("naive", "plain", "gateway"):
            measured[name] = await _one(Path(folder) / name, name)
    mine = measured["gateway"]
    goals: dict[str, tuple[str, dict[str, float]]] = {
        "first record after start": ("s", {"most": 0.6}),
        "idle RSS": ("MB", {"most": 45}),
        "idle CPU": ("%", {"most": 0.3}),
        _P50: ("ms", {"most": 2}),
        _P99: ("ms", {"most": 10}),
        "one port, frames of 20": ("records/s", {"least": 20_000}),
        "CPU per 10,000 records": ("s", {"most": 0.33}),
        "drain of a backlog": ("records/s", {"least": 5000}),
    }
    for name, (unit, goal) in goals.items():
        found.append(Figure(name, mine[name], unit, **goal))
        if name == _P50:
            floor = measured["naive"][_P50] + synced[False]
            found.append(Figure("  floor: naive and one sync", floor, "ms"))
            if _HAD in mine:
                found.append(Figure(_HAD, mine[_HAD], "ms"))
        for other in ("naive", "plain"):
            if measured[other].get(name):
                its = measured[other][name]
                text = f"x {its:,.0f}" if its >= 100 else f"x {its:.3g}"
                found.append(Figure(f"  ratio to {other}", mine[name] / its, text))
    return found


async def _one(folder: Path, name: str) -> dict[str, float]:
    folder.mkdir()
    async with rig(folder, make_pki(folder / "pki", [GATEWAY]), _Backend) as r:
        one = r.dispenser(1, _EPOCH, _urgent(0, 1))
        begun = time.perf_counter()
        await _start(r, name)
        await until(lambda: r.backend.arrived)
        result = {"first record after start": r.backend.arrived[0] - begun}
        assert r.process is not None
        pid = r.process.pid
        await asyncio.sleep(_SETTLE_S)
        before = _cpu(pid)
        await asyncio.sleep(_IDLE_S)
        result["idle CPU"] = (_cpu(pid) - before) / _IDLE_S * 100
        result["idle RSS"] = _rss(pid)
        result.update(await _latencies(r, one))
        rounds = [await _bulk(r, one, pid) for _ in range(_ROUNDS)]
        result.update({key: statistics.median(r[key] for r in rounds) for key in rounds[0]})
        if name == "gateway":
            result.update(await _drain(r, one))
        return result


async def _start(r: Rig, name: str) -> None:
    if name == "gateway":
        await r.run_gateway()
        return
    r.process = await asyncio.create_subprocess_exec(
        *tied([sys.executable, str(_SCRIPTS / f"{name}.py"), str(r.config())]),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


async def _latencies(r: Rig, one: ScriptedDispenser) -> dict[str, float]:
    records = _urgent(len(one.records), _LATENCIES)
    try:
        tap = Tap(r.broker.port)
    except PermissionError:
        print("no CAP_NET_RAW: latency is told until a subscriber has it, not until PUBACK")
        return _percentiles([(await _send(r, one, raw))[1] for raw in records])
    with tap:
        sent = [await _send(r, one, raw) for raw in records]
    acked = [(tap.answer(written, _PUBACK), written) for written, _ in sent]
    taken = [(end - written) / 1e6 for end, written in acked if end is not None]
    assert len(taken) == len(records), "a PUBACK was not seen"
    return {**_percentiles(taken), _HAD: statistics.median(ms for _, ms in sent)}


async def _send(r: Rig, one: ScriptedDispenser, raw: bytes) -> tuple[int, float]:
    """Send a record; returns when it was in the port, Unix ns, and ms until the backend had it."""
    count = len(r.backend.arrived)
    begun = time.perf_counter()
    one.add(raw)
    written = time.time_ns()
    await until(lambda: len(r.backend.arrived) > count)
    await asyncio.sleep(_PAUSE_S)
    return written, (r.backend.arrived[count] - begun) * 1000


def _percentiles(taken: list[float]) -> dict[str, float]:
    ordered = sorted(taken)
    return {_P50: statistics.median(ordered), _P99: ordered[int(len(ordered) * 0.99) - 1]}


async def _bulk(r: Rig, one: ScriptedDispenser, pid: int) -> dict[str, float]:
    total = len(one.records) + _BULK
    cpu, begun = _cpu(pid), time.perf_counter()
    one.add(*_normal(len(one.records), _BULK))
    await until(lambda: one.acked[-1] == total, within=60)
    took = time.perf_counter() - begun
    await until(lambda: r.backend.count == total, within=60)
    return {
        "one port, frames of 20": _BULK / took,
        "CPU per 10,000 records": (_cpu(pid) - cpu) * 10_000 / _BULK,
    }


async def _drain(r: Rig, one: ScriptedDispenser) -> dict[str, float]:
    r.backend.answers = False
    stored, total = r.backend.count, len(one.records) + _BULK
    one.add(*_normal(len(one.records), _BULK))
    await until(lambda: one.acked[-1] == total, within=60)
    begun, left = time.perf_counter(), total - max(stored, r.backend.count)
    r.backend.answers = True
    r.backend.send_watermark(GATEWAY, (one.id, one.epoch))
    await until(lambda: r.backend.count == total, within=60)
    return {"drain of a backlog": left / (time.perf_counter() - begun)}


class _Backend(ScriptedBackend):
    """Counts and times what arrives, in order here; a WATERMARK every 1,000 records."""

    def __init__(self, port: int, pki: Pki) -> None:
        super().__init__(port, pki)
        self.arrived: list[float] = []
        self.count = self.marked = 0
        self.tag = bytes(8)

    def next(self, key: Key) -> int:
        return self.count

    def send_watermark(self, gateway: str, key: Key, refused: list[int] | None = None) -> None:
        self.rev += 1
        self.marked = self.count
        mark = (key[1], self.count, self.tag, self.store, self.rev, 0, 0)
        self.send(f"rtm/v1/{gateway}/dn/{key[0]}/watermark", struct.pack(">II8sIIBB", *mark))

    def _store(self, gateway: str, dispenser: str, payload: bytes) -> None:
        self.arrived.append(time.perf_counter())
        epoch, first = struct.unpack_from(">I9xI", payload)
        if first <= self.count < first + payload[12]:
            self.count, self.tag = first + payload[12], payload[-8:]
        if self.answers and (payload[12] == 1 or self.count - self.marked >= _EVERY):
            self.send_watermark(gateway, (dispenser, epoch))


def _urgent(first: int, count: int) -> list[bytes]:
    head = b"\0\1" + bytes(6) + b"\x24\x08\0\1\4\0" + bytes(4)
    return _records(first, count, head)


def _normal(first: int, count: int) -> list[bytes]:
    return _records(first, count, b"\0\1" + bytes(6) + b"\x20\x02\0\1")


def _records(first: int, count: int, middle: bytes) -> list[bytes]:
    # nobody here verifies: linked, but without real tags
    seqs = range(first, first + count)
    return [seq.to_bytes(4, "big") + middle + seq.to_bytes(8, "big") for seq in seqs]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _rss(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
