"""A patient at a dispenser: physical edges from a seed, as hands and contacts make them."""

import asyncio
import random
import time
from collections.abc import Sequence

from sim.dispenser import Dispenser

_BOUNCE_S = (0.001, 0.003)
_GLANCE_S = 0.006
"""A press too short to count."""
_CERTAINLY_SHORT_S = 0.015
"""Beyond it, a contact is held on until it is certainly long: nothing near the debounce time."""
_HELD_S = (0.2, 0.35)
_PAUSE_S = (0.15, 0.4)


class Patient:
    """Opens, reaches, closes, presses; `edges` counts what was touched or let go.

    `answer` is the number of the button touched last, -1 if none was.
    """

    def __init__(self, dispenser: Dispenser, rng: random.Random, rest_s: float = 0.0) -> None:
        """`rest_s`: mean time between one thing and the next."""
        self.dispenser = dispenser
        self.edges = 0
        self.answer = -1
        self._opened: float | None = None
        self._rng = rng
        self._rest_s = rest_s
        self._leaving = False

    async def live(self) -> None:
        """One thing after the other, until `leave`; the last one is brought to its end."""
        while not self._leaving:
            await self._rng.choices(
                (self.visit, self.press, self.glance, self.visit_and_press), (5, 2, 1, 2)
            )[0]()
            await asyncio.sleep(self._rng.uniform(0.5, 1.5) * self._rest_s)

    def leave(self) -> None:
        """Let the patient go as soon as lid and compartments are closed."""
        self._leaving = True

    def lid_open_for(self) -> float:
        """Return for how many seconds the lid has been open, 0 if it is closed."""
        return 0.0 if self._opened is None else time.monotonic() - self._opened

    async def visit(self) -> None:
        """Open the lid, reach into one to three compartments, close it."""
        await self._lid(True)
        for compartment in self._rng.sample(range(1, 5), self._rng.choice((1, 1, 2, 3))):
            await self._pause(_PAUSE_S)
            await self._hold(f"beam{compartment}")
        await self._pause(_PAUSE_S)
        await self._lid(False)
        await self._pause(_PAUSE_S)

    async def press(self) -> None:
        """Press a symptom button."""
        await self._hold(f"button{self._rng.randrange(5)}")
        await self._pause(_PAUSE_S)

    async def visit_and_press(self) -> None:
        """A visit, and the answer how it feels."""
        await self.visit()
        await self.press()

    async def glance(self) -> None:
        """Touch a button too shortly to mean it."""
        button = f"button{self._rng.randrange(5)}"
        async with self.dispenser.held:
            certain = self._flick(button, True, _GLANCE_S)
        if not certain:
            await self._pause(_HELD_S)
            await self._edge(button, False)
        await self._pause(_PAUSE_S)

    async def _lid(self, active: bool) -> None:
        async with self.dispenser.held:
            self._opened = time.monotonic() if active else None
            # a reed contact chatters; if the chatter lasted too long the hand stays there
            for _ in range(self._rng.choice((0, 0, 1, 2))):
                if not self._flick("lid", active, self._rng.uniform(*_BOUNCE_S)):
                    return
                time.sleep(self._rng.uniform(*_BOUNCE_S))
            self._touch("lid", active)

    async def _hold(self, name: str) -> None:
        await self._edge(name, True)
        await self._pause(_HELD_S)
        await self._edge(name, False)

    async def _edge(self, name: str, active: bool) -> None:
        async with self.dispenser.held:
            self._touch(name, active)

    def _flick(self, name: str, active: bool, seconds: float) -> bool:
        """Touch and let go at once; False if that took too long and it is still touched.

        Sleeps without the event loop: what others do must not make a short contact a long one.
        """
        start = time.monotonic()
        self._touch(name, active)
        time.sleep(seconds)
        if time.monotonic() - start > _CERTAINLY_SHORT_S:
            return False
        self._touch(name, not active)
        return True

    def _touch(self, name: str, active: bool) -> None:
        self.dispenser.touch(name, active)
        self.edges += 1
        if name.startswith("button"):
            self.answer = int(name[-1])

    async def _pause(self, seconds: Sequence[float]) -> None:
        await asyncio.sleep(self._rng.uniform(*seconds))
