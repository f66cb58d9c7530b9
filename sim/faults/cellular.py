"""Faults of the way between gateways and broker: what a radio cell does to packets."""

from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar

from sim.cell import cell
from sim.faults.base import Fault, FaultError
from sim.world import World

STALL_S = 30.0


class OfCell(Fault):
    """Hits the cell that all gateways are behind; a world has one if it is asked for."""

    kind: ClassVar[str]

    @classmethod
    def parts(cls, _dispensers: Iterable[str], _gateways: Iterable[str]) -> list[str]:
        """Return the part's name."""
        return ["cell"]

    def check(self, world: World) -> None:
        """Raise FaultError if this world has no cell, or only one that cannot do that."""
        super().check(world)
        if world.cell is None:
            raise FaultError(f"{self.name}: this world has no cell")
        if self.kind == "names_fail" and not world.cell.interface:
            raise FaultError(f"{self.name} needs a cell at IP level: root, real time")

    async def strike(self, world: World) -> None:
        """Begin it."""
        assert world.cell is not None
        self._mend: Callable[[], Awaitable[None]] = await cell.strike(
            world.cell, self.kind, STALL_S
        )

    async def mend(self, _world: World) -> None:
        """End it."""
        await self._mend()


class CellOutage(OfCell):
    """No coverage: the link is up, nothing passes, nobody is told."""

    name, kind = "cell_outage", "outage"


class CellLinkDown(OfCell):
    """The link goes down: connections end, new ones are refused."""

    name, kind = "cell_link_down", "link_down"


class CellStall(OfCell):
    """For half a minute nothing moves, then all of it at once."""

    name, kind = "cell_stall", "stall"


class CellLossy(OfCell):
    """A fifth of all packets is lost."""

    name, kind = "cell_lossy", "lossy"


class CellSlow(OfCell):
    """More than a second there and back, 20 kbit/s."""

    name, kind = "cell_slow", "slow"


class CellNatForgets(OfCell):
    """The operator's NAT forgets every connection; neither end is told."""

    name, kind = "cell_nat_forgets", "nat_forgets"


class CellAddressChange(OfCell):
    """The gateway gets another address: what was connected is connected no more."""

    name, kind = "cell_address_change", "address_change"


class CellNamesFail(OfCell):
    """Names are not resolved."""

    name, kind = "cell_names_fail", "names_fail"


CELLULAR: tuple[type[Fault], ...] = (
    CellOutage, CellLinkDown, CellStall, CellLossy, CellSlow, CellNatForgets, CellAddressChange,
    CellNamesFail,
)  # fmt: skip
