"""One world behind the console, shared by all browser pages that look at it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from sim.console.hands import Hands
from sim.console.panel import Panel
from sim.console.states import States
from sim.report import compute
from sim.view import Ways
from sim.world import World

_LISTEN_S = 0.01
_LOOKS_EVERY = 10
_STATES_EVERY = 100


@dataclass
class Switch:
    """A fault that can be switched on and off."""

    label: str
    strike: Callable[[], Awaitable[None]]
    heal: Callable[[], Awaitable[None]]
    on: bool = False
    busy: bool = False


class Session:
    """The world, what its panels show, its records' ways, and what was said last."""

    def __init__(self, world: World, panels: dict[str, Panel]) -> None:
        """`panels`: one for each dispenser, fed by the world's outputs."""
        self.world = world
        self.panels = panels
        self.ways = Ways(world)
        self.states = States(world)
        self.hands = Hands(world)
        self.said = "flashing and provisioning the dispensers; this takes some seconds"
        self.switches = _switches(world)

    def say(self, text: str) -> None:
        """Show a line in every page."""
        self.said = text

    async def begin(self) -> None:
        """Start all parts. Raises what `World.begin` raises."""
        await self.world.begin()
        for gateway in self.world.gateways.values():
            await gateway.start()
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

    def _dark(self) -> None:
        for name, dispenser in self.world.dispensers.items():
            if dispenser.board.state == "off":
                self.panels[name].dark()

    async def toggle(self, name: str) -> None:
        """Break or heal; a switch that is being thrown is left alone."""
        switch = self.switches[name]
        if switch.busy:
            return
        switch.busy = True
        try:
            await (switch.heal() if switch.on else switch.strike())
            switch.on = not switch.on
            self.say(f"{switch.label}: {'broken' if switch.on else 'healed'}")
            self.hands.note("", f"{'break' if switch.on else 'heal'} {name}")
        finally:
            switch.busy = False

    def save(self) -> Path:
        """Write down what was done by hand; returns the file."""
        path = self.world.folder / "hands.jsonl"
        lines = [
            json.dumps({"t": a.t, "dispenser": a.dispenser, "what": a.what})
            for a in self.hands.acts
        ]
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    async def verify(self) -> None:
        """End the run and recompute its verdict from its files."""
        self.say("ending the run")
        await self.world.finish()
        report = await asyncio.to_thread(compute, self.world.folder)
        self.say(f"{self.world.folder}: {'all agrees' if report.agree else 'DIFFERENCES'}")


def _switches(world: World) -> dict[str, Switch]:
    made = {}
    for name, child in world.gateways.items():
        made[f"{name} off"] = Switch(f"gateway {name} killed", child.kill, child.start)
    made["broker off"] = Switch("broker stopped", world.broker.kill, world.broker.start)
    made["backend off"] = Switch("backend stopped", world.backend.kill, world.backend.start)
    for name, dispenser in world.dispensers.items():
        made[f"{name} power"] = Switch(f"power of {name} cut", dispenser.cut, dispenser.power_on)
    return made
