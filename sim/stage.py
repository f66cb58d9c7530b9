"""Plays a scenario in a world: hands at every dispenser, faults on time, a calm end."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable
from pathlib import Path

from sim import faults, techs
from sim.actions import DAY, Action, seconds
from sim.board.serial import SerialSpec
from sim.clock import RealClock, VirtualClock
from sim.ending import end_on_mishap
from sim.expected import BOOT_NS
from sim.faults import Fault
from sim.hands import Hands
from sim.inflight import Hop, InFlight
from sim.panel import Panel
from sim.report import Report, keep
from sim.scenario import Scenario
from sim.world import World

_STEP_S = {True: 300.0, False: 1.0}
"""In virtual time and in real time, where a gateway hurries (`sim.configs`)."""
_QUIET_S = {True: 330.0, False: 20.0}
"""Of the world's time without anything new: then a run is over."""
_LONGEST_S = 2 * DAY
_STILL_S = {True: DAY / 3, False: 600.0}
"""Longer than anybody waits to try again: what has not arrived by then does not."""
_SETTLED_S = BOOT_NS / 1e9 + 1
_NOTICED_S = 30.0
"""A cable that is out so long is."""
FIRST_S = 30.0
"""Nothing happens before: the app has looked at its inputs."""


class StageError(RuntimeError):
    """A scenario did not come to its end; says where it hung."""


async def play(
    scenario: Scenario, folder: Path, seed: int, image: bytes, serial: SerialSpec | None = None
) -> Report:
    """Play it in a new folder; returns the report, also written there.

    In virtual time, on boards made from the image; in real time on a real board, if `serial` names
    one. Raises StageError, WorldError, HandsError, ChildError, BrokerError, FactoryError,
    FaultError or MishapError; what the files tell of such a run is in its report nevertheless.
    """
    clock = VirtualClock(scenario.start_ns) if serial is None else RealClock()
    world = World(
        folder, seed, scenario.dispensers, gateways=scenario.gateways, clock=clock,
        image=image if serial is None else None, serial=serial,
        cell=scenario.cell or faults.of_cell(scenario.faults()),
        modem=scenario.modem or faults.of_modem(scenario.faults()),
        panels=_panels(scenario),
    )  # fmt: skip
    try:
        await _play(world, scenario, seed)
    except Exception:
        with contextlib.suppress(OSError, ValueError, LookupError, sqlite3.Error):
            _reported(folder)
        raise
    return _reported(folder)


async def _play(world: World, scenario: Scenario, seed: int) -> None:
    try:
        with end_on_mishap():
            stage = Stage(world, seed)
            await stage.begin()
            await stage.play(scenario.actions(seed), scenario.days)
            await world.finish()
    finally:
        await world.close()


def _reported(folder: Path) -> Report:
    return keep(folder)


def _panels(scenario: Scenario) -> dict[str, Panel]:
    done = {a.words[1] for a in scenario.actions(scenario.seed) if a.words[0] == "tech"}
    looked_at = scenario.dispensers if done & techs.LOOKING else ()
    return {name: Panel() for name in looked_at}


class Stage:
    """One world and what is to happen in it."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self._clock = world.clock
        self._seed = seed
        self._broken: dict[tuple[str, str], Fault] = {}
        self._start_ns = self._clock.now_ns

    async def begin(self) -> None:
        """Let everything run; nothing is touched yet.

        In real time the story begins when that is done: flashing takes what it takes.
        """
        await self.world.begin()
        for gateway in self.world.gateways.values():
            await gateway.start()
        await self._clock.advance(FIRST_S)
        if not self.world.virtual:
            self._start_ns = self._clock.now_ns

    async def play(self, actions: list[Action], days: float) -> None:
        """Let all this happen, at least so many days, then heal what is broken and come to rest.

        What lies in the past happens at once.
        """
        whose = sorted({action.dispenser for action in actions if action.dispenser})
        tasks = [asyncio.create_task(self._live(name, actions)) for name in whose]
        struck = [a for a in actions if a.words[0] in ("fault", "heal", "tech")]
        tasks += [asyncio.create_task(self._happen(action)) for action in struck]
        try:
            await self._until(days * DAY, tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._let(self._heal_all())
        await self._come_to_rest()

    async def end(self) -> None:
        """Ask the dispensers where their journals end, and end the programs."""
        await self._let(self._heal_all())
        await self._come_to_rest()
        await self.world.finish()

    async def _live(self, name: str, actions: list[Action]) -> None:
        hands = Hands(self.world.dispensers[name], self._clock)
        for action in (a for a in actions if a.dispenser == name):
            await self._at(action.at)
            await hands.do(action)

    async def _at(self, at_s: float) -> None:
        at_ns = self._start_ns + round(at_s * 1e9)
        if at_ns > self._clock.now_ns:
            await self._clock.sleep_until(at_ns)

    async def _happen(self, action: Action) -> None:
        await self._at(action.at)
        what, name, *rest = action.words
        target = rest.pop(0) if rest and rest[0] != "for" else ""
        if what == "tech":
            await techs.do(name, self.world, target)
            return
        if what == "heal":
            if (name, target) not in self._broken:
                named = " ".join((name, target)).strip()
                raise StageError(f"heal {named}: nothing of that name is broken then")
            await self._heal(name, target)
            return
        fault = faults.make(name, target, self._seed)
        self._broken[name, target] = fault
        with self._clock.hold():
            await fault.break_it(self.world)
        if rest:
            await self._clock.sleep(seconds(rest[1], rest[2]))
            await self._heal(name, target)

    async def _heal(self, name: str, target: str) -> None:
        fault = self._broken.pop((name, target), None)
        if fault is not None:
            await fault.heal(self.world)

    async def _heal_all(self) -> None:
        for name, target in list(self._broken):
            await self._heal(name, target)
        for dispenser in self.world.dispensers.values():
            for name in sorted(dispenser.active if dispenser.board.state == "running" else ()):
                await dispenser.move(name, False)
        await self._clock.sleep(_SETTLED_S)

    async def _until(self, end_s: float, tasks: list["asyncio.Task[None]"]) -> None:
        end_ns = self._start_ns + round(end_s * 1e9)
        while self._clock.now_ns < end_ns or not all(task.done() for task in tasks):
            await self._step(tasks)
            if self._clock.now_ns > end_ns + round(_LONGEST_S * 1e9):
                raise StageError("something that was begun does not come to its end")

    async def _step(self, tasks: list["asyncio.Task[None]"]) -> None:
        await self._clock.advance(_STEP_S[self.world.virtual])
        self.world.check()
        for task in tasks:
            if task.done():
                task.result()

    async def _let(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        while not task.done():
            await self._step([])
        task.result()

    async def _come_to_rest(self) -> None:
        """Let time run until every hop holds the same and nothing more comes."""
        began = stored = self._clock.now_ns
        before: list[Hop] = []
        while True:
            await self._clock.advance(_QUIET_S[self.world.virtual])
            self.world.check()
            hops = self._hops()
            if [hop.store for hop in hops] != [hop.store for hop in before]:
                stored = self._clock.now_ns
            if hops == before and all(hop.spool == hop.store > 0 for hop in hops):
                return
            if hops == before:
                await self._let(self._give_company())
            before = hops
            self._give_up(began, stored, hops)

    def _give_up(self, began: int, stored: int, hops: list[Hop]) -> None:
        # heartbeats come even if nothing is stored
        now = self._clock.now_ns
        still = now - stored > _STILL_S[self.world.virtual] * 1e9
        if still or now - began > _LONGEST_S * 1e9:
            what = "records do not arrive" if still else "records keep coming"
            told = (
                f"{name}: the spool ends before seq {hop.spool}, the store before {hop.store}"
                for name, hop in zip(self.world.dispensers, hops, strict=True)
            )
            raise StageError(f"{what}: {'; '.join(told)}")

    async def _give_company(self) -> None:
        """Pull cables and put them in, where a spool has only heartbeats to send: POWER does."""
        flight = InFlight(self.world.folder)
        for dispenser in self.world.dispensers.values():
            if flight.waits_for_company(dispenser.id, dispenser.epoch) and dispenser.board.plugged:
                with self._clock.hold():
                    await dispenser.unplug()
                await self._clock.sleep(_NOTICED_S)
                with self._clock.hold():
                    await dispenser.to_gateway()
                await self._clock.sleep(_NOTICED_S)

    def _hops(self) -> list[Hop]:
        flight = InFlight(self.world.folder)
        return [flight.of(d.id, d.epoch) for d in self.world.dispensers.values()]
