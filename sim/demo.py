"""The scripted run: two patients, every fault while records are in flight, and a verdict."""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sim.audit import ALTERED
from sim.dispenser import Dispenser
from sim.expected import BOOT_NS
from sim.inflight import InFlight, alter
from sim.ledger import Phase
from sim.patient import Patient
from sim.report import Report, keep
from sim.world import World

T = TypeVar("T")
_LIMIT = 150.0
_STIMULI = 240
_UNTIMED_STIMULI = 16
_CALM_STIMULI = 100
_SETTLE = 1.0
"""What came in the calm is stored without a fault: none strikes for so long."""
_OUTAGE = 10.0
_OPEN = 0.4
"""A lid open for so long is on flash as opened: after the cut it is a state."""
_QUIET = 1.5
_BOOT = BOOT_NS / 1e9 + 0.2
"""Nobody touches a dispenser for so long after power comes: what it sees then is undecided."""


class DemoError(RuntimeError):
    """The run did not come as far as it must; says what was waited for."""


async def demo(folder: Path, seed: int, say: Callable[[str], None]) -> Report:
    """Run the whole script in a new folder; returns the report, also written there.

    Raises DemoError, WorldError, ChildError or BrokerError if the run itself fails.
    """
    world = World(folder, seed)
    try:
        script = asyncio.create_task(Script(world, say).run())
        watch = asyncio.create_task(world.watch())
        await _first(script, watch)
    finally:
        await world.close()
    return keep(folder)


async def _first(script: asyncio.Task[None], watch: asyncio.Task[None]) -> None:
    try:
        both = {script, watch}
        done, _ = await asyncio.wait(both, timeout=_LIMIT, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise DemoError(f"the run takes longer than {_LIMIT:.0f} s")
        for task in done:
            task.result()
    finally:
        script.cancel()
        watch.cancel()
        await asyncio.gather(script, watch, return_exceptions=True)


class Script:
    """What happens, one thing after the other."""

    def __init__(self, world: World, say: Callable[[str], None]) -> None:
        self._world = world
        self._tell = say
        self._rng = random.Random(world.seed)
        self._flight = InFlight(world.folder)
        self._patients = {
            name: Patient(dispenser, random.Random(f"{world.seed} {name}"))
            for name, dispenser in world.dispensers.items()
        }
        self._start = time.monotonic()

    async def run(self) -> None:
        """The whole run."""
        self._say("flash and provision both dispensers, start broker and backend")
        await self._world.begin()
        await asyncio.sleep(_BOOT)
        async with asyncio.TaskGroup() as tasks:
            for patient in self._patients.values():
                tasks.create_task(patient.live())
            await self._before_the_gateway()
            await self._calm()
            await self._without_backend()
            await self._without_broker()
            await self._killed_while_draining()
            await self._enough()
        await self._quiet()

    # ---- acts -------------------------------------------------------------------------------

    async def _before_the_gateway(self) -> None:
        """Records without time: only a later TIME_SET can place them."""
        self._phase("before", "no gateway yet: records without time")
        await self._until(lambda: self._edges() >= _UNTIMED_STIMULI, "stimuli", 20)
        await self._world.gateway.start()
        await self._until(self._caught_up, "the backend to have the first records", 30)

    async def _calm(self) -> None:
        self._phase("calm", "calm: latency is measured")
        end = self._edges() + _CALM_STIMULI
        await self._until(lambda: self._edges() >= end, "stimuli", 60)
        self._phase("faults")
        await asyncio.sleep(_SETTLE)

    async def _without_backend(self) -> None:
        """Backend away; in that time the gateway is killed, its spool altered, d1 cut."""
        evidence = await self._behind()
        await self._world.backend.stop()
        self._fault("backend_stopped", evidence)
        back = time.monotonic() + _OUTAGE
        d1, d2 = self._world.dispensers.values()
        await self._until(lambda: len(self._unstored(d2)) > 2, "records in the spool", 15)
        await self._kill_gateway()
        seq = self._alter(d2)
        await self._cut_with_backlog(d1, lid_open=True)
        await self._world.gateway.start()
        await self._power_on(d1)
        await self._until_time(back)
        await self._world.backend.start()
        self._say("backend started")
        await self._until(lambda: self._repaired(d2, seq), "the altered record to be stored", 30)
        self._say(f"{d2.name} seq {seq} was refused, fetched again and stored")
        await self._until(self._caught_up, "the backend to catch up", 30)

    async def _without_broker(self) -> None:
        """Broker away; in that time d2 loses power inside a flash write."""
        evidence = await self._behind()
        await self._world.broker.stop()
        self._fault("broker_stopped", evidence)
        back = time.monotonic() + _OUTAGE
        _, d2 = self._world.dispensers.values()
        await asyncio.sleep(1)
        await self._cut_inside_a_write(d2)
        await asyncio.sleep(0.5)
        await self._power_on(d2)
        await self._until_time(back)
        await self._world.broker.start()
        self._say("broker started")

    async def _killed_while_draining(self) -> None:
        _, d2 = self._world.dispensers.values()
        await self._kill_gateway()
        await self._cut_with_backlog(d2, lid_open=False)
        await self._world.gateway.start()
        await asyncio.sleep(1)
        await self._power_on(d2)
        await self._until(self._caught_up, "the backend to catch up", 30)

    async def _enough(self) -> None:
        await self._until(lambda: self._edges() >= _STIMULI, "stimuli", 60)
        self._phase("end", "patients leave; wait until the backend has all")
        for patient in self._patients.values():
            patient.leave()

    async def _quiet(self) -> None:
        """Wait until the backend holds what the journals hold, then ask the dispensers."""
        end = time.monotonic() + 40
        while True:
            await self._until(self._caught_up, "the backend to have everything", 40)
            before = self._hops()
            await asyncio.sleep(_QUIET)
            if self._hops() == before:
                break
            if time.monotonic() > end:
                raise DemoError(f"records keep coming though nobody is there: {before}")
        await self._world.finish()

    # ---- faults -----------------------------------------------------------------------------

    async def _kill_gateway(self) -> None:
        evidence = await self._behind()
        await self._world.gateway.kill()
        self._fault("gateway_killed", evidence)

    def _alter(self, dispenser: Dispenser) -> int:
        seq = self._rng.choice(self._unstored(dispenser))
        alter(self._world.folder, dispenser.id, dispenser.epoch, seq)
        where = (dispenser.name, dispenser.epoch, seq)
        self._fault(ALTERED, f"seq {seq} of {dispenser.name} in the spool, not stored", *where)
        return seq

    def _repaired(self, dispenser: Dispenser, seq: int) -> bool:
        where = (dispenser.id, dispenser.epoch, seq)
        return self._flight.refused(*where) and self._flight.stored(*where)

    async def _cut_with_backlog(self, dispenser: Dispenser, *, lid_open: bool) -> None:
        """Cut power when the journal is ahead of the gateway, which must not run meanwhile."""
        patient = self._patients[dispenser.name]
        written, edges = dispenser.board.operations, patient.edges

        def ahead() -> bool:
            ready = dispenser.board.operations > written and patient.edges > edges + 2
            return ready and (not lid_open or patient.lid_open_for() > _OPEN)

        await self._until(ahead, f"{dispenser.name} to write records", 20)
        async with dispenser.held:
            writes = dispenser.board.operations - written
            await dispenser.cut()
        self._fault(
            "power_cut", f"{dispenser.name}: {writes} flash writes nobody has read", dispenser.name
        )

    async def _cut_inside_a_write(self, dispenser: Dispenser) -> None:
        async with dispenser.held:
            # a button that was not pressed just before: the same again may be no new response
            answer = self._patients[dispenser.name].answer
            free = [n for n in range(5) if f"button{n}" not in dispenser.active and n != answer]
            button = f"button{self._rng.choice(free)}"
            await dispenser.emulated.cut_at(1, self._rng.randrange(1, 64))
            dispenser.touch(button, True)
            try:
                cut = await dispenser.emulated.wait_cut(10)
            except TimeoutError:
                raise DemoError(f"{dispenser.name} writes nothing: no cut in a write") from None
            dispenser.follow()
            dispenser.touch(button, False)
        evidence = f"{dispenser.name}: inside {cut.operation} at {cut.where}"
        self._fault("power_cut_in_flash_write", evidence, dispenser.name)

    async def _power_on(self, dispenser: Dispenser) -> None:
        async with dispenser.held:
            await dispenser.power_on()
            await asyncio.sleep(_BOOT)

    # ---- what is so now ---------------------------------------------------------------------

    async def _behind(self) -> str:
        """Wait until the spool holds what the backend has not; returns where, in words."""
        return await self._until(self._unstored_in_words, "records in flight", 20)

    def _unstored_in_words(self) -> str:
        found = {dispenser.name: self._unstored(dispenser) for dispenser in self._all()}
        return ", ".join(
            f"{name}: {len(seqs)} from seq {seqs[0]} in the spool, not stored"
            for name, seqs in found.items()
            if seqs
        )

    def _unstored(self, dispenser: Dispenser) -> list[int]:
        return self._flight.unstored(dispenser.id, dispenser.epoch)

    def _hops(self) -> list[tuple[int, int]]:
        hops = [self._flight.of(dispenser.id, dispenser.epoch) for dispenser in self._all()]
        return [(hop.spool, hop.store) for hop in hops]

    def _caught_up(self) -> bool:
        # everything but what came in the last moments; all of it once the patients have left
        return all(spool == store > 0 for spool, store in self._hops())

    def _all(self) -> list[Dispenser]:
        return list(self._world.dispensers.values())

    def _edges(self) -> int:
        return sum(patient.edges for patient in self._patients.values())

    # ---- small things -----------------------------------------------------------------------

    async def _until(self, condition: Callable[[], T], what: str, within: float) -> T:
        """Return what `condition` gives as soon as it is true."""
        end = time.monotonic() + within
        while not (found := condition()):
            if time.monotonic() > end:
                raise DemoError(f"waited {within:.0f} s for {what}")
            await asyncio.sleep(0.003)
        return found

    async def _until_time(self, end: float) -> None:
        await asyncio.sleep(max(0.0, end - time.monotonic()))

    def _phase(self, name: str, text: str = "") -> None:
        self._world.ledger.append(Phase(t=time.time_ns(), phase=name))
        self._say(text or name)

    def _fault(
        self, name: str, evidence: str, dispenser: str = "", epoch: int = 0, seq: int = -1
    ) -> None:
        self._world.fault(name, evidence, dispenser, epoch, seq)
        self._say(f"FAULT {name} ({evidence})")

    def _say(self, text: str) -> None:
        self._tell(f"{time.monotonic() - self._start:6.1f} s  {text}")
