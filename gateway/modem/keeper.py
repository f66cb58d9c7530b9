"""The loop that keeps a modem connected: look, decide, act; `dry`: say what would be done."""

import logging
from collections.abc import Callable
from typing import Protocol

from gateway.modem.rungs import Rung
from gateway.modem.supervisor import Fault, Order, Seen, Supervisor

_log = logging.getLogger(__name__)


class Backend(Protocol):
    """A modem, however it is driven."""

    facts: dict[str, object]

    async def look(self) -> Seen:
        """Return how the modem is; never raises for what it does or does not say."""

    async def wait(self, seconds: float) -> None:
        """Return after so many seconds, or soon after the modem tells of a loss."""

    async def unlock(self) -> str:
        """Try the PIN if its rules allow; return why not, "" if the SIM took it."""

    async def perform(self, rung: Rung, clear_forbidden: bool = False) -> bool:
        """Step on a rung; return whether that was possible, not whether it helped."""

    def close(self) -> None:
        """Give up what it holds; the next look takes it again."""


class Keeper:
    """Joins a backend and its supervisor; `unix` gives Unix seconds.

    on_order: told each look and what followed, for status, metrics and tests.
    """

    def __init__(
        self,
        driver: Backend,
        supervisor: Supervisor,
        unix: Callable[[], float],
        dry: bool = False,
    ) -> None:
        self.alarm = ""
        self.looked = False
        self.on_order: Callable[[Seen, Order], None] = lambda seen, order: None
        self.beat: Callable[[], None] = lambda: None
        self._driver = driver
        self._supervisor = supervisor
        self._unix = unix
        self._dry = dry

    async def run(self) -> None:
        """Keep it connected until cancelled."""
        try:
            while True:
                self.beat()
                order = await self.once()
                await self._driver.wait(order.wait)
        finally:
            self._driver.close()

    async def once(self) -> Order:
        """Look, decide and act once."""
        seen = await self._driver.look()
        before = self._supervisor.fault
        order = self._supervisor.step(self._unix(), seen)
        if order.fault is not before:
            _log.info("modem: %s", order.fault.value)
        self.looked = True
        self.on_order(seen, order)
        await self._act(order)
        return order

    async def _act(self, order: Order) -> None:
        self.alarm = order.alarm
        if self._dry:
            return
        if order.unlock:
            refusal = await self._driver.unlock()
            self.alarm = f"{order.alarm}: {refusal}" if refusal else ""
        if order.rung is not None and order.rung > Rung.DIAGNOSE:
            await self._driver.perform(order.rung, order.clear_forbidden)

    @property
    def fault(self) -> Fault:
        """What is wrong now."""
        return self._supervisor.fault
