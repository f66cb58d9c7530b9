"""How fast a world's time passes: as the host's, sixty times that, or straight to what comes next.

A world in virtual time can do all of it, one in real time only the first.
"""

from __future__ import annotations

from sim.clock import VirtualClock
from sim.throttle import Throttle
from sim.world import World

FASTEST = 3600
_FARTHEST_S = 86_400.0


class Pace:
    """Lets a virtual world's time pass; `rate` is how fast, 0 while it goes to what comes next."""

    def __init__(self, world: World) -> None:
        self.rate = 1
        self._world = world
        self._clock = world.clock if isinstance(world.clock, VirtualClock) else None
        self._throttle: Throttle | None = None
        self._before: tuple[int, ...] = ()

    @property
    def chosen(self) -> bool:
        """Whether there is a choice."""
        return self._clock is not None

    def choose(self, rate: int) -> None:
        """Let time pass so many times as fast as the host's; without effect in real time."""
        if self._clock:
            self.rate = rate
        if self._throttle:
            self._throttle.set(rate)

    def jump(self) -> None:
        """Let time go as fast as it can until a dispenser writes a record, a day at most.

        Then it goes on as the host's.
        """
        self._before = self._written()
        self.choose(0)

    async def run(self) -> None:
        """Let time pass until cancelled; a world in real time needs nobody."""
        if self._clock is None:
            return
        self._throttle = Throttle(self._clock, self.rate)
        self._throttle.set(self.rate)
        try:
            while True:
                await self._pass(self._clock)
        finally:
            self._throttle.close()
            self._throttle = None

    async def _pass(self, clock: VirtualClock) -> None:
        jumps = self.rate == 0
        try:
            await clock.run_until(self._there, _FARTHEST_S)
        except TimeoutError:
            jumps = jumps and self.rate == 0
        if jumps:
            self.choose(1)

    def _there(self) -> bool:
        return self.rate == 0 and self._written() != self._before

    def _written(self) -> tuple[int, ...]:
        return tuple(one.board.operations for one in self._world.dispensers.values())
