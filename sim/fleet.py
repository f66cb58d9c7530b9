"""Many dispensers on one gateway, in real time: does the ledger still agree?"""

import asyncio
import dataclasses
import os
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sim import timeline
from sim.ending import end_on_mishap
from sim.expected import BOOT_NS
from sim.inflight import InFlight
from sim.patient import Patient
from sim.report import Report, keep
from sim.world import World

_REST_S = 8.0
"""Between one thing a patient does and the next: a hundred patients are a busy ward."""
_IDLE_S = 5.0
"""So long nobody touches anything, to see what that costs."""
_QUIET_S = 3.0
_ARRIVES_WITHIN = 120.0


class FleetError(RuntimeError):
    """Records did not arrive; says how many dispensers lag."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fleet:
    """How a fleet did: seconds to make it; cores used by all parts, at rest and while it lived."""

    report: Report
    made_s: float
    idle_cores: float
    cores: float


async def fleet(
    folder: Path, seed: int, count: int, seconds: float, image: bytes, say: Callable[[str], None]
) -> Fleet:
    """Run `count` dispensers with a patient each for so long, then let everything arrive.

    Raises FleetError, WorldError, ChildError, BrokerError, FactoryError or MishapError.
    """
    began = time.monotonic()
    names = [f"d{n}" for n in range(1, count + 1)]
    world = World(folder, seed, names, image=image)
    try:
        with end_on_mishap():
            await world.begin()
            await world.gateway.start()
            made = time.monotonic() - began
            say(f"{count} dispensers made in {made:.1f} s")
            await asyncio.sleep(BOOT_NS / 1e9 + 1)
            idle = await _cores(world, asyncio.sleep(_IDLE_S))
            cores = await _cores(world, _live(world, seed, seconds))
            say(f"patients have left; {cores:.2f} cores were used")
            await _arrive(world)
            await world.finish()
    finally:
        await world.close()
    report = keep(folder)
    timeline.write(folder, report.differences)
    return Fleet(report, made, idle, cores)


async def _cores(world: World, what: Awaitable[None]) -> float:
    """Let it happen and return how many cores were used meanwhile."""
    world.check()
    used, at = _processor_s(world), time.monotonic()
    await what
    world.check()
    return (_processor_s(world) - used) / (time.monotonic() - at)


async def _live(world: World, seed: int, seconds: float) -> None:
    patients = [
        Patient(dispenser, random.Random(f"{seed} {name}"), _REST_S)
        for name, dispenser in world.dispensers.items()
    ]
    async with asyncio.TaskGroup() as tasks:
        for patient in patients:
            tasks.create_task(patient.live())
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            world.check()
            await asyncio.sleep(0.2)
        for patient in patients:
            patient.leave()


async def _arrive(world: World) -> None:
    flight = InFlight(world.folder)
    before: list[tuple[int, int]] = []
    end = time.monotonic() + _ARRIVES_WITHIN
    while True:
        world.check()
        found = [flight.of(d.id, d.epoch) for d in world.dispensers.values()]
        hops = [(hop.spool, hop.store) for hop in found]
        behind = sum(not spool == store > 0 for spool, store in hops)
        if not behind and hops == before:
            return
        if time.monotonic() > end:
            raise FleetError(f"{behind} of {len(hops)} dispensers lag after {_ARRIVES_WITHIN} s")
        before = hops
        await asyncio.sleep(_QUIET_S)


def _processor_s(world: World) -> float:
    """Return the processor time of all parts so far: proc(5), utime and stime."""
    pids = [d.emulated.pid for d in world.dispensers.values()]
    pids += [child.pid for child in world.children] + [world.broker.pid, os.getpid()]
    total = 0
    for pid in pids:
        if pid is not None:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")
