"""One world behind the console, shared by all browser pages that look at it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from sim import faults, ledger, scenario_file, techs, timeline
from sim.child import ChildError
from sim.console.calm import calm
from sim.console.clinic import Clinic
from sim.console.fleet import Fleet
from sim.console.lives import Lives
from sim.console.pace import FASTEST, Pace
from sim.console.recording import Recording
from sim.console.states import States
from sim.console.touches import Touches
from sim.faults import Fault
from sim.report import LEDGER, Report, keep
from sim.view import Ways
from sim.world import World

RECORDED = "recorded.toml"
_ASKS = "question"
_LISTEN_S = 0.01
_LOOKS_EVERY = 10
_STATES_EVERY = 100


class Session:
    """The world, its records' ways, and what was said last."""

    def __init__(self, world: World) -> None:
        """`world` has panels."""
        self.world = world
        self.pace = Pace(world)
        self.ways = Ways(world)
        self.broken: dict[tuple[str, str], Fault] = {}
        self.states = States(world, self.broken)
        self.clinic = Clinic(world)
        self.lives = Lives(world, self.toggle)
        self.recording = Recording()
        self.touches = Touches(world, lambda: self.runs)
        self.said = "making the dispensers; this takes some seconds"
        self.fleet = Fleet(world, self.ways, self.broken)
        self._busy: set[tuple[str, str]] = set()
        self._begun = self._ended = False
        self._made = self._arrived = self._mended = False

    async def begin(self) -> None:
        """Start all parts. Raises what `World.begin` raises."""
        await self.world.begin()
        for gateway in self.world.gateways.values():
            await gateway.start()
        await self.clinic.start()
        self.said = ""

    @property
    def runs(self) -> bool:
        """Whether it may be touched: its making is over, and its end has not begun."""
        return self._begun and not self._ended

    @property
    def done(self) -> tuple[bool, bool, bool]:
        """Whether a response was made, whether one was confirmed, whether something was healed."""
        made = [way for way in self.ways.recent if way.what.startswith("RESPONSE")]
        self._arrived |= any("watermark" in way.at for way in made)
        self._made |= bool(made)
        return self._made, self._arrived, self._mended

    async def live(self) -> None:
        """Follow the world until cancelled; from now on it may be used."""
        self._begun = True
        turn = 0
        while True:
            self.ways.listen()
            if turn % _LOOKS_EVERY == 0:
                self.ways.look()
                self._dark()
                self.clinic.follow()
            if turn % _STATES_EVERY == 0:
                self.fleet.look()
                await self.states.look()
            turn += 1
            await asyncio.sleep(_LISTEN_S)

    async def watch(self) -> None:
        """Raise what `World.check` raises, soon after it happened, until the run is ended."""
        while True:
            if self.runs and not self._busy:
                self.world.check()
                self.clinic.check()
            await asyncio.sleep(0.2)

    def _dark(self) -> None:
        for name, dispenser in self.world.dispensers.items():
            if dispenser.board.state == "off":
                self.world.panels[name].dark()

    async def toggle(self, name: str, target: str) -> None:
        """Break a part or heal it; a switch that is being thrown is left alone."""
        key = (name, target)
        if key in self._busy or not self.runs:
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
        self._mended = True
        self.said = f"healed: {_words(key)}"

    async def live_here(self, dispenser: str, model: str) -> None:
        """Let a patient of this model live at a dispenser instead of who does; "": nobody."""
        await self.lives.end(dispenser)
        if model and self.runs:
            self.lives.begin(dispenser, model)

    async def ask(self, dispenser: str) -> None:
        """Let the clinic send a dispenser its questions."""
        if not self.runs:
            return
        self.recording.add(self.world.clock.now_ns, f"tech {_ASKS} {dispenser}")
        try:
            await techs.do(_ASKS, self.world, dispenser)
        except ChildError as error:
            self.said = str(error).splitlines()[-1]
        else:
            self.said = (
                f"the clinic asks {dispenser} after each dose: its settings are on their way"
            )

    async def close(self) -> None:
        """End what lives beside the world."""
        self.lives.cancel()
        await self.clinic.close()

    def save(self) -> Path:
        """Write down what was done, by whomever, as a scenario; returns the file."""
        entries = ledger.load(self.world.folder / LEDGER)
        made = self.recording.scenario(self.world, ledger.only(ledger.Stimulus, entries))
        path = self.world.folder / RECORDED
        path.write_text(scenario_file.dump(made), encoding="utf-8")
        return path

    async def verify(self) -> None:
        """Heal all, wait until all has arrived, end the run and judge it from its files."""
        if not self.runs:
            return
        self.said = "ending the run: all is healed, then everything has to arrive"
        self.pace.choose(FASTEST)
        await self.lives.end_all()
        for key, fault in list(self.broken.items()):
            await self._heal(key, fault)
        self._ended = True
        self.said = "ending the run: everything has to arrive"
        rests = await calm(self.world)
        self.pace.choose(1)
        await self.world.finish()
        self.states.end()
        try:
            report = await asyncio.to_thread(self._judged)
        except (OSError, sqlite3.Error, ValueError) as error:
            self.said = f"ended, but its files do not tell: {error}"
            return
        differences = f"{len(report.differences)} DIFFERENCES, {' '.join(report.differences[:1])}"
        told = "all agree" if report.agree else differences
        late = "" if rests else "records kept coming; "
        self.said = (
            f"This run is over: {late}{report.records_stored} records stored, "
            f"ledger and backend: {told}. Again: dosewire sim verify {self.world.folder}"
        )

    def _judged(self) -> Report:
        report = keep(self.world.folder)
        timeline.write(self.world.folder, report.differences)
        return report


def _words(key: tuple[str, str]) -> str:
    return " of ".join(part.replace("_", " ") for part in key if part)
