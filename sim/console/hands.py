"""The user's hands on the dispensers: each touch goes to the board at once, and is recorded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sim.dispenser import Dispenser
from sim.world import World

HELD_S = 0.15
"""A click is at least so long: five times the buttons' debounce."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing done by hand: virtual ns of the world's clock, to whom, and what."""

    t: int
    dispenser: str
    what: str


class Hands:
    """Touches inputs of a world's dispensers; `acts` is what was done, in order."""

    def __init__(self, world: World) -> None:
        self.acts: list[Act] = []
        self.unplugged: set[str] = set()
        self._world = world
        self._since: dict[tuple[str, str], int] = {}

    async def press(self, dispenser: Dispenser, name: str) -> None:
        """Begin to press a button or to reach into a compartment."""
        if name not in dispenser.active:
            await self._touch(dispenser, name, True)
            self._since[dispenser.name, name] = self._world.clock.now_ns

    async def release(self, dispenser: Dispenser, name: str) -> None:
        """End it, not before the firmware can have seen it."""
        began = self._since.pop((dispenser.name, name), None)
        if began is None:
            return
        left = HELD_S - (self._world.clock.now_ns - began) / 1e9
        await asyncio.sleep(max(left, 0))
        await self._touch(dispenser, name, False)

    async def lid(self, dispenser: Dispenser) -> None:
        """Open the lid, or close it; a hand still inside comes out first."""
        if "lid" in dispenser.active:
            for name in sorted(dispenser.active):
                if name.startswith("beam"):
                    self._since.pop((dispenser.name, name), None)
                    await self._touch(dispenser, name, False)
        await self._touch(dispenser, "lid", "lid" not in dispenser.active)

    async def plug(self, dispenser: Dispenser) -> None:
        """Pull its plug, or put it back."""
        back = dispenser.name in self.unplugged
        self.note(dispenser.name, "plug in" if back else "unplug")
        async with dispenser.held:
            if back:
                self.unplugged.discard(dispenser.name)
                await dispenser.to_gateway()
            else:
                self.unplugged.add(dispenser.name)
                await dispenser.unplug()

    async def _touch(self, dispenser: Dispenser, name: str, active: bool) -> None:
        self.note(dispenser.name, f"{name} {'on' if active else 'off'}")
        async with dispenser.held:
            dispenser.touch(name, active)

    def note(self, dispenser: str, what: str) -> None:
        """Write down what was done; "" for what was done to no dispenser."""
        self.acts.append(Act(self._world.clock.now_ns, dispenser, what))
