"""A simulated modem with its host, supervised in virtual time."""

import asyncio
import random
from pathlib import Path

from gateway.modem.driver import Driver, Port, Sim
from gateway.modem.keeper import Keeper
from gateway.modem.pin import PinGuard
from gateway.modem.rungs import Budgets, Rung
from gateway.modem.supervisor import Fault, Order, Policy, Seen, Supervisor
from sim.modem.modem import Modem
from tests.sim.modem.virtual import Wire

EPOCH = 1_700_000_000.0
_PING_S = 30.0


class Host:
    """Acts on the simulated modem; the broker answers a ping each half minute if it can."""

    def __init__(self, wire: Wire) -> None:
        self.server = True
        self.done: list[Rung] = []
        self._wire = wire
        self._heard: float | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.call_later(_PING_S, self._ping)

    def _ping(self) -> None:
        if self.server and self._wire.modem.passes:
            self._heard = self._loop.time()
        self._loop.call_later(_PING_S, self._ping)

    async def do(self, rung: Rung) -> bool:
        modem = self._wire.modem
        self.done.append(rung)
        if rung is Rung.INTERFACE:
            modem.faults.stale_interface = False
        elif rung is Rung.USB:
            modem.usb_reset()
        elif rung is Rung.POWER:
            modem.power_off()
            await asyncio.sleep(5.0)
            modem.power_on()
        return True

    async def passes(self) -> bool | None:
        return self._wire.modem.passes

    def connected(self) -> bool:
        # MQTT 5 clause 3.1.2.10: one and a half times the keepalive
        heard = self.heard()
        return heard is not None and heard <= 1.5 * _PING_S

    def elsewhere(self) -> bool:
        return False

    def heard(self) -> float | None:
        return None if self._heard is None else self._loop.time() - self._heard


class Bench:
    """Everything of one gateway's cellular side."""

    def __init__(self, folder: Path, kind: str = "ec25", seed: int = 1, **policy: object) -> None:
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self.wire = Wire(kind, seed)
        self.host = Host(self.wire)
        self.orders: list[tuple[float, Order]] = []
        self.sim = Sim(apn="iot.example", pin=str(policy.pop("pin", "")))
        driver = Driver(self._open, self.host, self.sim, PinGuard(folder / "pin"), self._loop.time)
        self.budgets = Budgets(folder / "budgets", self.unix())
        self.supervisor = Supervisor(Policy(**policy), self.budgets, random.Random(seed))  # type: ignore[arg-type]
        self.keeper = Keeper(driver, self.supervisor, self.unix)
        self.keeper.on_order = self._note
        self.driver = driver
        self.task = asyncio.create_task(self.keeper.run())

    @property
    def modem(self) -> Modem:
        return self.wire.modem

    @property
    def time(self) -> float:
        return self._loop.time() - self._start

    def unix(self) -> float:
        return EPOCH + self._loop.time()

    def _open(self) -> Port:
        return self.wire.open()

    def _note(self, seen: Seen, order: Order) -> None:
        self.orders.append((self.time, order))

    def rungs(self, since: float = 0.0) -> list[tuple[float, Rung]]:
        return [
            (at, order.rung)
            for at, order in self.orders
            if order.rung is not None and order.rung > Rung.DIAGNOSE and at >= since
        ]

    async def until_connected(self, within: float = 3600.0) -> float:
        """Wait until packets pass and the supervisor knows; return the seconds it took."""
        begin = self.time
        while not (self.modem.passes and self.supervisor.fault is Fault.NONE):
            await self.look_on(1.0)
            assert self.time - begin < within, (self.supervisor.fault, self.rungs(begin))
        return self.time - begin

    async def look_on(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)
        assert not self.task.done(), self.task

    async def end(self) -> None:
        """Stop supervising and switch the modem off."""
        self.task.cancel()
        await asyncio.wait({self.task})
        self.modem.power_off()
