"""Patients who live at dispensers: busy hands in real time, the models in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine

from sim.actions import DAY, seconds
from sim.hands import Hands
from sim.patient import Patient
from sim.patients import MODELS, plan
from sim.world import World

_BUSY = "busy hands"
_REST_S = 4.0
_DAYS = 30
_LATE_NS = 60 * 10**9
"""What was due so lately is still done: one thing takes its time before the next."""
Toggle = Callable[[str, str], Awaitable[None]]
"""Breaks a part by the name of a fault and its target, or heals it."""


class Lives:
    """Who lives where; `who` gives the model of a dispenser's patient."""

    def __init__(self, world: World, toggle: Toggle) -> None:
        self.who: dict[str, str] = {}
        self._world = world
        self._toggle = toggle
        self._patients: dict[str, Patient] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def models(self) -> list[str]:
        """Models there are: a day's worth of doing needs a time that can be sped up."""
        return list(MODELS) if self._world.virtual else [_BUSY]

    def begin(self, dispenser: str, model: str) -> None:
        """Let a patient of a model live at a dispenser where nobody does."""
        if dispenser in self._tasks or model not in self.models:
            return
        self.who[dispenser] = model
        work = self._planned(dispenser, model) if self._world.virtual else self._busy(dispenser)
        self._tasks[dispenser] = asyncio.create_task(work)

    async def end(self, dispenser: str) -> None:
        """Let the patient go; what is open is closed. Nothing if nobody lives there."""
        self.who.pop(dispenser, None)
        task = self._tasks.pop(dispenser, None)
        if task is None:
            return
        if patient := self._patients.pop(dispenser, None):
            patient.leave()
        else:
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self._let_go(dispenser)

    async def end_all(self) -> None:
        """Let all of them go."""
        for dispenser in list(self._tasks):
            await self.end(dispenser)

    def cancel(self) -> None:
        """End at once: the world ends."""
        for task in self._tasks.values():
            task.cancel()

    def _busy(self, dispenser: str) -> Coroutine[None, None, None]:
        rng = random.Random(f"{self._world.seed} {dispenser}")
        self._patients[dispenser] = Patient(self._world.dispensers[dispenser], rng, _REST_S)
        return self._patients[dispenser].live()

    async def _planned(self, dispenser: str, model: str) -> None:
        clock = self._world.clock
        hands = Hands(self._world.dispensers[dispenser], clock)
        midnight = clock.now_ns - clock.now_ns % round(DAY * 1e9)
        async with asyncio.TaskGroup() as tasks:
            for action in plan(model, dispenser, self._world.seed, _DAYS):
                at = midnight + round(action.at * 1e9)
                if at < clock.now_ns - _LATE_NS:
                    continue
                await clock.sleep_until(at)
                if action.words[0] == "fault":
                    tasks.create_task(self._break(*action.words[1:]))
                else:
                    await hands.do(action)

    async def _break(self, name: str, target: str, _for: str, number: str, unit: str) -> None:
        await self._toggle(name, target)
        await self._world.clock.sleep(seconds(number, unit))
        await self._toggle(name, target)

    async def _let_go(self, dispenser: str) -> None:
        there = self._world.dispensers[dispenser]
        async with there.held:
            for name in sorted(there.active):
                await there.move(name, False)
