"""Faults of a gateway: its process, its spool, its disk."""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from protocol.framing import Deframer
from protocol.schema import Ack, MessageType
from protocol.wire import parse
from sim.faults.base import Fault, FaultError, OfDispenser, OfGateway
from sim.inflight import InFlight, alter
from sim.paced.page import SLOW_COMMIT
from sim.shifted import sitecustomize
from sim.world import World


class GatewayKilled(OfGateway):
    """The process is killed without warning, and started again when healed."""

    name = "gateway_killed"

    async def strike(self, world: World) -> None:
        """Kill it."""
        await self.gateway(world).kill()

    async def mend(self, world: World) -> None:
        """Start it."""
        await self.gateway(world).start()


class GatewayFrozen(OfGateway):
    """The process stands still and neither dies nor answers."""

    name = "gateway_frozen"

    async def strike(self, world: World) -> None:
        """Freeze it."""
        self.gateway(world).freeze()

    async def mend(self, world: World) -> None:
        """Let it run on."""
        self.gateway(world).thaw()


class GatewayReplaced(OfGateway):
    """A technician swaps it: the new one has the same name and an empty spool."""

    name = "gateway_replaced"

    async def strike(self, world: World) -> None:
        """Take the old one away."""
        await self.gateway(world).kill()
        folder = world.data(self.target)
        shutil.move(folder, world.folder / f"replaced-{self.target}")
        folder.mkdir()

    async def mend(self, world: World) -> None:
        """Start the new one."""
        await self.gateway(world).start()


class SpoolCorrupt(GatewayKilled):
    """The spool's file is overwritten in the middle while the gateway is off."""

    name = "spool_corrupt"

    async def strike(self, world: World) -> None:
        """Kill it and overwrite."""
        await super().strike(world)
        path = world.data(self.target) / "spool.db"
        size = path.stat().st_size
        with path.open("r+b") as file:
            for at in range(0, size, 4096):
                file.seek(at + 8)
                file.write(self.rng.randbytes(64))
        path.with_name("spool.db-wal").unlink(missing_ok=True)


class RecordForged(GatewayKilled):
    """Somebody with the gateway in hand changes one record that nobody has stored yet."""

    name = "record_altered_in_spool"

    async def strike(self, world: World) -> None:
        """Kill it, change a bit. Raises FaultError if the spool holds nothing unstored."""
        await super().strike(world)

    async def break_it(self, world: World) -> None:
        """As any fault; its entry names the record."""
        self.target = self.target or self.first(world)
        self.check(world)
        flight = InFlight(world.folder)
        for name, d in world.dispensers.items():
            if seqs := flight.unstored(d.id, d.epoch):
                await self.strike(world)
                seq = self.rng.choice(seqs)
                alter(world.folder, d.id, d.epoch, seq)
                told = f"seq {seq} of {name} in the spool, not stored"
                world.fault(self.name, told, name, d.epoch, seq, part=self.target)
                return
        raise FaultError("record_altered_in_spool: nothing in the spool that is not stored")

    async def heal(self, world: World) -> None:
        """Start the gateway."""
        await self.mend(world)


class ClockWrong(OfGateway):
    """Its clock has no battery: it begins in 1970, until healed."""

    name = "gateway_clock_wrong"

    async def strike(self, world: World) -> None:
        """Start it anew an hour after the epoch of Unix."""
        ahead = 3600 - world.clock.now_ns / 1e9
        folder = str(Path(sitecustomize.__file__).parent)
        await self._anew(world, {sitecustomize.CLOCK_OFFSET: str(ahead), "PYTHONPATH": folder})

    async def mend(self, world: World) -> None:
        """Start it anew with the true time."""
        await self._anew(world, {})

    async def _anew(self, world: World, environment: Mapping[str, str]) -> None:
        await self.gateway(world).kill()
        self.gateway(world).set_environment(**environment)
        await self.gateway(world).start()


class LostAfterAck(OfDispenser):
    """The disk is slow; at the first ACK the gateway dies and the dispenser is lost for good.

    What a gateway had not committed when it acknowledged is in no place any more.
    """

    name = "dispenser_lost_after_ack"
    needs = frozenset({"power", "cable", "line", "virtual time"})
    commit_s: ClassVar[float] = 0.3

    async def strike(self, world: World) -> None:
        """Arm it."""
        self._world = world
        self._gateway = world.gateways[self.dispenser(world).gateway]
        self._deframer = Deframer()
        self._task: asyncio.Task[None] | None = None
        self._acked = -1
        await self._gateway.kill()
        self._gateway.set_environment(**{SLOW_COMMIT: str(self.commit_s)})
        await self._gateway.start()
        self.emulated(world).relay.tamper = self._watch

    def _watch(self, sender: str, data: bytes) -> bytes:
        for frame in self._deframer.feed(data) if sender == "host" else ():
            if frame.type == MessageType.ack and self._task is None:
                if self._gateway.pid is not None:
                    os.kill(self._gateway.pid, signal.SIGKILL)
                self._acked = parse(Ack, frame.body).next
                self._task = asyncio.create_task(self._lose())
        return data

    async def _lose(self) -> None:
        dispenser = self.dispenser(self._world)
        with self._world.clock.hold():
            await self._gateway.kill()
            await dispenser.unplug()
            await dispenser.cut()
            self._world.lost(dispenser, self._acked)
            self._gateway.set_environment()
            await self._gateway.start()

    async def mend(self, _world: World) -> None:
        """See that it came to its end."""
        if self._task:
            await self._task

    def observed(self, _world: World) -> str:
        """Say what had been acknowledged."""
        told = f"{self.target}: acknowledged before seq {self._acked}, lost at once"
        return told if self._task else ""


GATEWAY: tuple[type[Fault], ...] = (
    GatewayKilled, GatewayFrozen, GatewayReplaced, SpoolCorrupt, RecordForged, ClockWrong,
    LostAfterAck,
)  # fmt: skip
