"""The user's touches: each goes to the board at once."""

from __future__ import annotations

from collections.abc import Callable

from sim.dispenser import Dispenser
from sim.world import World

HELD_S = 0.15
"""A click is at least so long: five times the buttons' debounce."""


class Touches:
    """Touches inputs of a world's dispensers, as long as its run is not over."""

    def __init__(self, world: World, runs: Callable[[], bool]) -> None:
        self._world = world
        self._runs = runs
        self._since: dict[tuple[str, str], int] = {}

    async def press(self, dispenser: Dispenser, name: str) -> None:
        """Begin to press a button or to reach into a compartment."""
        if name not in dispenser.active and self._runs():
            self._since[dispenser.name, name] = self._world.clock.now_ns
            await self._touch(dispenser, name, True)

    async def release(self, dispenser: Dispenser, name: str) -> None:
        """End it, not before the firmware can have seen it; who ends a run lets go of all."""
        began = self._since.pop((dispenser.name, name), None)
        if began is None:
            return
        left = HELD_S - (self._world.clock.now_ns - began) / 1e9
        await self._world.clock.sleep(max(left, 0))
        if self._runs():
            await self._touch(dispenser, name, False)

    async def lid(self, dispenser: Dispenser) -> None:
        """Open the lid, or close it; a hand still inside comes out first."""
        if not self._runs():
            return
        if "lid" in dispenser.active:
            for name in sorted(dispenser.active):
                if name.startswith("beam"):
                    self._since.pop((dispenser.name, name), None)
                    await self._touch(dispenser, name, False)
        await self._touch(dispenser, "lid", "lid" not in dispenser.active)

    async def _touch(self, dispenser: Dispenser, name: str, active: bool) -> None:
        async with dispenser.held:
            dispenser.touch(name, active)
