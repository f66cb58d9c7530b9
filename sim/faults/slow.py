"""Faults of a server that is slow: it stands still most of the time."""

import asyncio
import contextlib
import signal
from typing import ClassVar

from sim.faults.base import Fault, OfServer
from sim.world import World


class BrokerSlow(OfServer):
    """The broker stands still for eight seconds, runs for two, and so on."""

    name = "broker_slow"
    still_s: ClassVar[float] = 8.0
    runs_s: ClassVar[float] = 2.0

    async def strike(self, world: World) -> None:
        """Begin."""
        self.pauses = 0
        self._task = asyncio.create_task(self._loop(world))

    async def _loop(self, world: World) -> None:
        while True:
            self.pauses += 1
            self._freeze(world)
            await world.clock.sleep(self.still_s)
            self._thaw(world)
            await world.clock.sleep(self.runs_s)

    async def mend(self, world: World) -> None:
        """Let it run on."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._thaw(world)

    def observed(self, world: World) -> str:
        """Say how often, if anything came."""
        came = super().observed(world)
        return f"{self.target}: {self.pauses} pauses; {came}" if came else ""

    def _freeze(self, world: World) -> None:
        world.broker.signal(signal.SIGSTOP)

    def _thaw(self, world: World) -> None:
        world.broker.signal(signal.SIGCONT)


class BackendSlow(BrokerSlow):
    """The backend stands still for eight seconds, runs for two, and so on."""

    name = "backend_slow"

    def _freeze(self, world: World) -> None:
        world.backend.freeze()

    def _thaw(self, world: World) -> None:
        world.backend.thaw()


SLOW: tuple[type[Fault], ...] = (BrokerSlow, BackendSlow)
