"""Faults of a gateway: its process, its spool, its disk."""

import shutil

from sim.faults.base import Fault, FaultError, OfGateway
from sim.inflight import InFlight, alter
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


GATEWAY: tuple[type[Fault], ...] = (
    GatewayKilled, GatewayFrozen, GatewayReplaced, SpoolCorrupt, RecordForged,
)  # fmt: skip
