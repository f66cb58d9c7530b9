"""Hands at a dispenser: clean edges with the pauses that people make."""

from sim.actions import Action, DiaryError, seconds
from sim.clock import Clock
from sim.dispenser import Dispenser

_HELD_S = 0.35
_PAUSE_S = 1.5


class Hands:
    """Does one thing after the other at one dispenser."""

    def __init__(self, dispenser: Dispenser, clock: Clock) -> None:
        self.dispenser = dispenser
        self._clock = clock

    async def do(self, action: Action) -> None:
        """Do what an action says. Raises DiaryError for a word that is none."""
        word, *rest = action.words
        if word == "open":
            await self._edge("lid", True)
        elif word == "close":
            await self._edge("lid", False)
        elif word == "take":
            await self._hold(f"beam{rest[0]}", _HELD_S)
        elif word == "press":
            await self._hold(f"button{rest[0]}", _HELD_S)
        elif word == "service":
            await self._hold("service", _HELD_S)
        elif word == "reach":
            await self._hold(f"beam{rest[0]}", float(rest[1]))
        elif word == "touch":
            await self._edge(rest[0], rest[1] == "on", 0)
        elif word == "wait":
            await self._clock.sleep(seconds(rest[0], rest[1]))
        else:
            raise DiaryError(f"nobody can {word!r} a dispenser")

    async def _hold(self, name: str, held: float) -> None:
        await self._edge(name, True, held)
        await self._edge(name, False)

    async def _edge(self, name: str, active: bool, pause: float = _PAUSE_S) -> None:
        # one who finds the lid open does not open it again
        if self.dispenser.left(name) != active:
            async with self.dispenser.held:
                await self.dispenser.move(name, active)
        await self._clock.sleep(pause)
