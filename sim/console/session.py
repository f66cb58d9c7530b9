"""One world behind the console, shared by all browser pages that look at it."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from sim import faults, scenario_file
from sim.console.clinic import Clinic
from sim.console.panel import Panel
from sim.console.recording import Recording
from sim.console.states import States
from sim.console.touches import Touches
from sim.faults import Fault
from sim.patient import Patient
from sim.report import compute
from sim.view import Ways
from sim.world import World

RECORDED = "recorded.toml"
_LISTEN_S = 0.01
_REST_S = 4.0
_LOOKS_EVERY = 10
_STATES_EVERY = 100


class Session:
    """The world, what its panels show, its records' ways, and what was said last."""

    def __init__(self, world: World, panels: dict[str, Panel]) -> None:
        """`panels`: one for each dispenser, fed by the world's outputs."""
        self.world = world
        self.panels = panels
        self.ways = Ways(world)
        self.states = States(world)
        self.clinic = Clinic(world)
        self.patients: dict[str, Patient] = {}
        self.recording = Recording()
        self.touches = Touches(world, self.recording)
        self.said = "flashing and provisioning the dispensers; this takes some seconds"
        self.broken: dict[tuple[str, str], Fault] = {}
        self._busy: set[tuple[str, str]] = set()
        self._ended = False
        self._lives: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Start all parts. Raises what `World.begin` raises."""
        await self.world.begin()
        for gateway in self.world.gateways.values():
            await gateway.start()
        await self.clinic.start()
        self.said = ""

    async def live(self) -> None:
        """Follow the world until cancelled."""
        turn = 0
        while True:
            self.ways.listen()
            if turn % _LOOKS_EVERY == 0:
                self.ways.look()
                self._dark()
            if turn % _STATES_EVERY == 0:
                await self.states.look()
            turn += 1
            await asyncio.sleep(_LISTEN_S)

    async def watch(self) -> None:
        """Raise what `World.check` raises, soon after it happened, until the run is ended."""
        while True:
            if not self._ended and not self._busy:
                self.world.check()
                self.clinic.check()
            await asyncio.sleep(0.2)

    def let_live(self, dispenser: str) -> None:
        """Let a patient live at a dispenser, or let the one who does go."""
        if (there := self.patients.pop(dispenser, None)) is not None:
            there.leave()
            return
        rng = random.Random(f"{self.world.seed} {dispenser}")
        patient = Patient(self.world.dispensers[dispenser], rng, _REST_S)
        self.patients[dispenser] = patient
        task = asyncio.create_task(patient.live())
        self._lives.add(task)
        task.add_done_callback(self._lives.discard)

    def _dark(self) -> None:
        for name, dispenser in self.world.dispensers.items():
            if dispenser.board.state == "off":
                self.panels[name].dark()

    async def toggle(self, name: str, target: str) -> None:
        """Break a part or heal it; a switch that is being thrown is left alone."""
        key = (name, target)
        if key in self._busy or self._ended:
            return
        self._busy.add(key)
        fault = self.broken.get(key)
        now, words = self.world.clock.now_ns, f"{name} {target}".strip()
        try:
            await (self._heal(key, fault) if fault else self._break(key))
            self.recording.add(now, f"{'heal' if fault else 'fault'} {words}")
        except faults.FaultError as error:
            self.said = str(error)
        finally:
            self._busy.discard(key)

    async def _break(self, key: tuple[str, str]) -> None:
        fault = faults.make(*key, seed=self.world.seed)
        await fault.break_it(self.world)
        self.broken[key] = fault
        self.said = f"broken: {_words(key)}. {(type(fault).__doc__ or '').splitlines()[0]}"

    async def _heal(self, key: tuple[str, str], fault: Fault) -> None:
        del self.broken[key]
        await fault.heal(self.world)
        self.said = f"healed: {_words(key)}"

    async def close(self) -> None:
        """End what lives beside the world."""
        for task in self._lives:
            task.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        await self.clinic.close()

    def save(self) -> Path:
        """Write down what was done by hand as a scenario; returns the file."""
        made = self.recording.scenario(
            self.world.seed, list(self.world.dispensers), list(self.world.gateways)
        )
        path = self.world.folder / RECORDED
        path.write_text(scenario_file.dump(made), encoding="utf-8")
        return path

    async def verify(self) -> None:
        """Heal all, end the run and recompute its verdict from its files."""
        if self._ended:
            return
        self.said = "ending the run"
        for name in list(self.patients):
            self.let_live(name)
        await asyncio.gather(*self._lives, return_exceptions=True)
        for key, fault in list(self.broken.items()):
            await self._heal(key, fault)
        self._ended = True
        await self.world.finish()
        report = await asyncio.to_thread(compute, self.world.folder)
        told = "all agree" if report.agree else f"{len(report.differences)} DIFFERENCES"
        self.said = (
            f"ended: {report.records_stored} records stored, ledger and backend: {told}. "
            f"Again: dosewire sim verify {self.world.folder}"
        )


def _words(key: tuple[str, str]) -> str:
    return " of ".join(part.replace("_", " ") for part in key if part)
