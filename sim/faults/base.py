"""What every fault is: a name, what it needs of a board, how it breaks, heals and shows."""

import random
from collections.abc import Iterable
from typing import ClassVar

from sim.board.emulated import EmulatedBoard
from sim.child import Child
from sim.dispenser import Dispenser
from sim.inflight import InFlight
from sim.world import World


class FaultError(RuntimeError):
    """A fault that is none, or cannot be here; one line."""


class Fault:
    """One fault on one part. `needs`: abilities of the board target and of the machine.

    It counts only if records were at its hop: on their way when it struck, or come while it
    lasted; both are written to the ledger.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, target: str = "", seed: int = 0) -> None:
        self.target = target
        self.rng = random.Random(f"{seed} {self.name} {target}")
        self._before: dict[str, int] = {}

    @classmethod
    def parts(cls, dispensers: Iterable[str], gateways: Iterable[str]) -> list[str]:
        """Return the names of the parts that it can hit, of a world of these."""
        raise NotImplementedError

    def check(self, world: World) -> None:
        """Raise FaultError if it cannot be in this world."""
        parts = self.parts(world.dispensers, world.gateways)
        if self.target not in parts:
            raise FaultError(f"{self.name} hits {' or '.join(parts)}, not {self.target}")
        if "virtual time" in self.needs and not world.virtual:
            raise FaultError(f"{self.name} needs virtual time: play it in a scenario")

    async def break_it(self, world: World) -> None:
        """Strike, and write that down. Raises FaultError."""
        self.target = self.target or self.first(world)
        self.check(world)
        evidence = self.evidence(world)
        self._before = {n: d.board.operations for n, d in world.dispensers.items()}
        dispenser = self.target if self.target in world.dispensers else ""
        world.fault(self.name, evidence, dispenser, part=self.target)
        await self.strike(world)

    async def heal(self, world: World) -> None:
        """Mend it, and write down what came while it lasted."""
        observed = self.observed(world)
        await self.mend(world)
        world.healed(self.name, observed, self.target)

    def first(self, world: World) -> str:
        """Return the part that is hit if none is named."""
        return self.parts(world.dispensers, world.gateways)[0]

    async def strike(self, world: World) -> None:
        """Break it."""
        raise NotImplementedError

    async def mend(self, world: World) -> None:
        """Undo it."""
        raise NotImplementedError

    def evidence(self, world: World) -> str:
        """Say what is at its hop when it strikes, "" if nothing is: what nobody has stored."""
        return unstored(world, InFlight(world.folder))

    def observed(self, world: World) -> str:
        """Say what came while it lasted, "" if nothing did."""
        return "; ".join(filter(None, [self.written(world), self.evidence(world)]))

    def written(self, world: World) -> str:
        """Say what dispensers wrote to their flash while it lasted: records, nothing else.

        The dispenser that is hit, all of them if it is another part.
        """
        writes = {
            name: d.board.operations - self._before.get(name, 0)
            for name, d in world.dispensers.items()
            if self.target == name or self.target not in world.dispensers
        }
        return "; ".join(
            f"{name}: {count} flash writes meanwhile" for name, count in writes.items() if count
        )


class OfDispenser(Fault):
    """Hits a dispenser, by default the first."""

    @classmethod
    def parts(cls, dispensers: Iterable[str], _gateways: Iterable[str]) -> list[str]:
        """Return the dispensers' names."""
        return list(dispensers)

    def evidence(self, world: World) -> str:
        """Say which inputs are active: what is in a spool has left the dispenser."""
        active = ", ".join(sorted(self.dispenser(world).active))
        return f"{self.target}: {active} active" if active else ""

    def emulated(self, world: World) -> EmulatedBoard:
        """Return the emulated board of the one that is hit. Raises FaultError or WorldError."""
        return self.dispenser(world).emulated

    def dispenser(self, world: World) -> Dispenser:
        """Return the one that is hit. Raises FaultError."""
        part = world.part(self.target)
        if not isinstance(part, Dispenser):
            raise FaultError(f"{self.name}: {self.target} is no dispenser")
        return part


class OfGateway(Fault):
    """Hits a gateway, by default the first."""

    @classmethod
    def parts(cls, _dispensers: Iterable[str], gateways: Iterable[str]) -> list[str]:
        """Return the gateways' names."""
        return list(gateways)

    def gateway(self, world: World) -> Child:
        """Return the one that is hit. Raises FaultError."""
        part = world.part(self.target)
        if not isinstance(part, Child):
            raise FaultError(f"{self.name}: {self.target} is no gateway")
        return part


class OfServer(Fault):
    """Hits broker or backend, whichever its name says."""

    @classmethod
    def parts(cls, _dispensers: Iterable[str], _gateways: Iterable[str]) -> list[str]:
        """Return the part's name."""
        return [cls.name.partition("_")[0]]


def unstored(world: World, flight: InFlight) -> str:
    """Say in words what spools hold that the store does not."""
    found = {n: flight.unstored(d.id, d.epoch) for n, d in world.dispensers.items()}
    return "; ".join(
        f"{name}: {len(seqs)} from seq {seqs[0]} in a spool, not stored"
        for name, seqs in found.items()
        if seqs
    )
