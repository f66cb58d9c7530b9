"""A patient-month's bytes by profile, with the real TLS and MQTT stack in virtual time.

18 events a day, 4 heartbeats a day, 5 urgent records a month, one reconnect in 6 days for who
stays connected. Days are measured, then put together to 30: begin once, days, urgent and
reconnects each as often as they come. Packets are counted at IP level where this process may make
TUN devices, else estimated. No NAT here forgets a connection within its keepalive.
"""

import asyncio
import json
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim.broker import Broker
from sim.cell.causes import Cause
from sim.cell.cell import Cell, make
from sim.certificates import Pki, make_pki
from tests.bench.figures import Figure
from tests.support.gateway import GATEWAY, ROOT
from tests.support.rtm import ScriptedBackend

_DAYS = {"prompt": 2, "hourly": 2, "daily": 10}
_SIX_HOURS = 21_600
_URGENT = 0x24
# profile, keepalive s, resumption, confirm_timeout s, goal kB with events in groups, as doses come
CASES: tuple[tuple[str, int, bool, float, float | None], ...] = (
    ("prompt", 3600, True, 300, 320),
    ("prompt", 1200, True, 300, 600),
    ("prompt", 3600, True, _SIX_HOURS, None),
    ("hourly", 3600, False, 300, 170),
    ("hourly", 3600, True, 300, None),
    ("daily", 3600, False, 300, 170),
    ("daily", 3600, True, 300, None),
)


def figures() -> Iterator[Figure]:
    """Measure every case."""
    for case in CASES:
        yield from asyncio.run(_case(*case))


async def _case(
    profile: str, keepalive: int, resume: bool, confirm: float, goal: float | None
) -> list[Figure]:
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
            bytes_of, causes = await _play(cell, folder, pki, profile, keepalive, resume, confirm)
        finally:
            await cell.stop()
            backend.stop()
            await broker.stop()
    title = f"{profile}, keepalive {keepalive // 60} min, {'' if resume else 'no '}resumption"
    title += ", asks after 6 h" if confirm == _SIX_HOURS else ""
    spread, doses = (_month(bytes_of, one, profile) for one in ("spread", "doses"))
    unit = f"kB, {cell.meter.method}"
    return [
        Figure(title, doses, unit, most=goal),
        Figure("  each of the 18 events at a time of its own", spread, unit),
        *(
            Figure(f"  {cause.value}, a day", n / _DAYS[profile], "B")
            for cause, n in causes.items()
            if n and cause is not Cause.OTHER
        ),
    ]


def _month(of: dict[str, int], day: str, profile: str) -> float:
    days = of[day] / _DAYS[profile]
    reconnects = 5 * of["reconnect"] if profile == "prompt" else 0
    return (30 * days + 5 * of["urgent"] + reconnects) / 1000


async def _play(
    cell: Cell,
    folder: Path,
    pki: Pki,
    profile: str,
    keepalive: int,
    resume: bool,
    confirm: float,
) -> tuple[dict[str, int], dict[Cause, int]]:
    own = pki.gateways[GATEWAY]
    files = {"ca": str(pki.ca), "cert": str(own.cert), "key": str(own.key)}
    timing = {"keepalive": keepalive, "confirm_timeout": confirm}
    wanted = {
        "seed": 1,
        "days": _DAYS[profile],
        "folder": str(folder),
        "profile": profile,
        "resume": resume,
        "uplink": {"host": cell.host, "port": cell.port, **files, **timing},
    }
    words = [sys.executable, "-m", "tests.bench.cellular_month", json.dumps(wanted)]
    process = await asyncio.create_subprocess_exec(
        *cell.command(words),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        return await _phases(cell, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _phases(
    cell: Cell, process: asyncio.subprocess.Process
) -> tuple[dict[str, int], dict[Cause, int]]:
    assert process.stdin is not None and process.stdout is not None
    bytes_of: dict[str, int] = {}
    causes: dict[Cause, int] = {}
    while line := await process.stdout.readline():
        told: dict[str, Any] = json.loads(line)
        # what is under way has arrived when a moment was quiet
        await asyncio.sleep(0.1)
        bytes_of[told["phase"]] = cell.meter.total
        if told["phase"] == "spread":
            causes = {cause: cell.meter.of(cause) for cause in Cause}
        cell.meter.reset()
        process.stdin.write(b"\n")
        await process.stdin.drain()
    assert "reconnect" in bytes_of, "the gateway's program ended early"
    return bytes_of, causes


class Backend(ScriptedBackend):
    """A WATERMARK for urgent records, for questions, else every six hours of the records' time."""

    def __init__(self, port: int, pki: Pki) -> None:
        super().__init__(port, pki)
        self._marked = 0

    def _store(self, gateway: str, dispenser: str, payload: bytes) -> None:
        self.answers_events = False
        super()._store(gateway, dispenser, payload)
        (epoch,) = struct.unpack_from(">I", payload)
        (at,) = struct.unpack_from(">I", payload, 13 + 6)
        if payload[13 + 12] == _URGENT or at - self._marked >= _SIX_HOURS:
            self._marked = at
            self.send_watermark(gateway, (dispenser, epoch))
