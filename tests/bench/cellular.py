"""A patient-month's bytes by profile, with the real TLS and MQTT stack in virtual time.

18 events a day, 4 heartbeats a day, 5 urgent records a month, one reconnect in 6 days for who
stays connected. Days are measured, then put together to 30: days, urgent and reconnects each as
often as they come. Packets are counted at IP level where this process may make TUN devices, else
estimated. No NAT here forgets a connection within its keepalive. The backend confirms as the
reference does: responses and questions at once, the rest every six hours.
"""

import asyncio
import json
import math
import struct
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sim.backend.pacer import Address, Pacer
from sim.broker import Broker
from sim.cell.causes import Cause
from sim.cell.cell import Cell, make
from sim.certificates import Pki, make_pki
from tests.bench.cellular_month import PROBES
from tests.bench.figures import Figure
from tests.support.gateway import GATEWAY, ROOT
from tests.support.rtm import ScriptedBackend

_DAYS = {"prompt": 2, "hourly": 2, "daily": 3}
_SIX_HOURS = 21_600
_URGENT = 0x24
_PROBE = 104.0  # two segments without payload
# profile, keepalive s, resumption, goal kB
CASES: tuple[tuple[str, int, bool, float | None], ...] = (
    ("prompt", 3600, True, 320),
    ("prompt", 1200, True, 600),
    ("prompt", 3600, False, None),
    ("hourly", 3600, False, 170),
    ("hourly", 3600, True, None),
    ("hourly", 1200, False, None),
    ("daily", 3600, False, 170),
    ("daily", 3600, True, None),
    ("daily", 1200, False, None),
    ("daily", 1200, True, None),
)


class Phase(NamedTuple):
    """What one phase cost: bytes, of them by cause, and how often the kernel would have probed."""

    total: int
    causes: dict[Cause, int]
    probes: int


def figures() -> Iterator[Figure]:
    """Measure every case."""
    for case in CASES:
        yield from asyncio.run(_case(*case))


async def _case(profile: str, keepalive: int, resume: bool, goal: float | None) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pki = make_pki(folder / "pki", [GATEWAY])
        broker = Broker(folder, pki)
        await broker.start()
        backend = Backend(broker.port, pki)
        cell = make(("127.0.0.1", broker.port), 1)
        cell.conditions.delay_s = cell.conditions.jitter_s = 0.0
        try:
            await backend.start()
            await cell.start()
            phases = await _play(cell, backend, folder, pki, profile, keepalive, resume)
        finally:
            await cell.stop()
            backend.stop()
            await broker.stop()
    title = f"{profile}, keepalive {keepalive // 60} min, {'' if resume else 'no '}resumption"
    title += "" if "reconnect" in phases else ", asleep between sessions"
    probe = phases["probes"].total / PROBES if "probes" in phases else _PROBE
    unit = f"kB, {cell.meter.method}"
    return [
        Figure(title, _month(phases, "doses", profile, probe), unit, most=goal),
        Figure(
            "  each of the 18 events at a time of its own",
            _month(phases, "spread", profile, probe), unit,
        ),
        *_split(phases, profile, probe),
    ]  # fmt: skip


def _month(phases: dict[str, Phase], day: str, profile: str, probe: float) -> float:
    days = (phases[day].total + phases[day].probes * probe) / _DAYS[profile]
    reconnects = phases["reconnect"].total if "reconnect" in phases else 0
    return (30 * days + 5 * phases["urgent"].total + 5 * reconnects) / 1000


def _split(phases: dict[str, Phase], profile: str, probe: float) -> Iterator[Figure]:
    doses = phases["doses"]
    for cause, count in doses.causes.items():
        count += round(doses.probes * probe) if cause is Cause.KEEPALIVE else 0
        if count and cause is not Cause.OTHER:
            yield Figure(f"  {cause.value}, a day", count / _DAYS[profile], "B")
    for name, text in (("urgent", "an urgent record"), ("reconnect", "a reconnect")):
        if name in phases:
            yield Figure(f"  {text}", float(phases[name].total), "B")
    if "probes" in phases:
        yield Figure("  a probe of the kernel", probe, "B")


async def _play(
    cell: Cell,
    backend: "Backend",
    folder: Path,
    pki: Pki,
    profile: str,
    keepalive: int,
    resume: bool,
) -> dict[str, Phase]:
    own = pki.gateways[GATEWAY]
    files = {"ca": str(pki.ca), "cert": str(own.cert), "key": str(own.key)}
    wanted = {
        "seed": 1,
        "days": _DAYS[profile],
        "folder": str(folder),
        "profile": profile,
        "resume": resume,
        "uplink": {"host": cell.host, "port": cell.port, **files, "keepalive": keepalive},
    }
    words = [sys.executable, "-m", "tests.bench.cellular_month", json.dumps(wanted)]
    process = await asyncio.create_subprocess_exec(
        *cell.command(words),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        return await _phases(cell, backend, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _phases(
    cell: Cell, backend: "Backend", process: asyncio.subprocess.Process
) -> dict[str, Phase]:
    assert process.stdin is not None and process.stdout is not None
    phases: dict[str, Phase] = {}
    while line := await process.stdout.readline():
        told: dict[str, Any] = json.loads(line)
        if "tick" in told:
            backend.tick(told["tick"])
            await asyncio.sleep(0.002)
        else:
            # what is under way has arrived when a moment was quiet
            await asyncio.sleep(0.1)
            causes = {cause: cell.meter.of(cause) for cause in Cause}
            phases[told["phase"]] = Phase(cell.meter.total, causes, told["probes"])
            cell.meter.reset()
        process.stdin.write(b"\n")
        await process.stdin.drain()
    assert "urgent" in phases, "the gateway's program ended early"
    return phases


class Backend(ScriptedBackend):
    """Gives WATERMARKs when the reference backend does, by the gateway's virtual time."""

    def __init__(self, port: int, pki: Pki) -> None:
        super().__init__(port, pki)
        self.answers_events = False
        self._pacer = Pacer(_SIX_HOURS, 1000)
        self._lock = threading.RLock()

    def tick(self, now: float) -> None:
        """Send what is due by now."""
        with self._lock:
            for address in self._pacer.due(now):
                self.send_watermark(address.gateway, (address.dispenser, address.epoch))
                self._pacer.sent(address, now)

    def _store(self, gateway: str, dispenser: str, payload: bytes) -> None:
        super()._store(gateway, dispenser, payload)
        epoch, at = struct.unpack_from(">I", payload)[0], struct.unpack_from(">I", payload, 19)[0]
        by = at if payload[13 + 12] == _URGENT else math.inf
        with self._lock:
            self._pacer.note(Address(dispenser, epoch, gateway), payload[12], by)
            self.tick(at)
