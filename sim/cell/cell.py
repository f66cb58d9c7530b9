"""The cell that this host can make, and its faults by name: what a world switches.

cell = make((broker host, broker port), seed)
await cell.start()              # gateway: host = cell.host, port = cell.port
cell.command(["dosewire", …])   # how a gateway is run behind it
await fault(cell, "outage", 600)
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from sim.cell.conditions import Conditions, Outage
from sim.cell.meter import Meter
from sim.cell.proxy import Proxy
from sim.cell.tunnel import Tunnel, possible
from sim.clock import Clock


class Cell(Protocol):
    """A cell; `carries` may be set to tell whether the modem has a data session.

    host, port: where a gateway behind it finds the broker. interface: its network interface there,
    "" if it has none. stirs: how often something was given to an end, where that is known.
    """

    conditions: Conditions
    meter: Meter
    carries: Callable[[], bool]
    interface: str
    host: str
    port: int
    stirs: int

    def command(self, words: Sequence[str]) -> list[str]:
        """Return the command that runs `words` behind the cell."""

    def now(self) -> float:
        """Return seconds of the cell's time."""

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Wait so many seconds of the cell's time."""

    async def start(self) -> None:
        """Make it."""

    async def stop(self) -> None:
        """Take it away."""

    async def link(self, up: bool) -> None:
        """Set the gateway's link up or down."""

    async def change_address(self) -> None:
        """Give the gateway another address."""

    def forget_connections(self) -> None:
        """Let the NAT forget what is connected."""


def make(
    broker: tuple[str, int], seed: int, root: bool | None = None, clock: Clock | None = None
) -> Cell:
    """Return a cell at IP level if this process may make one (`root`: None: find out).

    On a clock of its own it is a proxy: the kernel knows no virtual time.
    """
    if clock is None and (possible() if root is None else root):
        return Tunnel(broker, seed)
    return Proxy(broker, seed, clock)


FAULTS = (
    "outage",
    "stall",
    "link_down",
    "lossy",
    "slow",
    "address_change",
    "nat_forgets",
    "names_fail",
)
"""Names of `fault`."""


async def fault(cell: Cell, name: str, seconds: float) -> None:
    """Let a fault last so long, then mend it; raises ValueError for a name not in FAULTS."""
    mend = await strike(cell, name, seconds)
    try:
        await cell.sleep(seconds)
    finally:
        await mend()


async def strike(cell: Cell, name: str, seconds: float = 30.0) -> Callable[[], Awaitable[None]]:
    """Begin a fault and return what mends it; `seconds`: how long a stall lasts.

    Raises ValueError for a name not in FAULTS.
    """
    how = cell.conditions
    if name not in FAULTS:
        raise ValueError(f"{name!r} is none of {', '.join(FAULTS)}")
    before = {key: getattr(how, key) for key in _CHANGES.get(name, {})}
    if name == "address_change":
        await cell.change_address()
    elif name == "nat_forgets":
        cell.forget_connections()
    elif name == "stall":
        how.stall_until = cell.now() + seconds
    elif name == "link_down":
        await cell.link(False)
    _set(how, _CHANGES.get(name, {}))

    async def mend() -> None:
        _set(how, before)
        if name == "link_down":
            await cell.link(True)

    return mend


_CHANGES: dict[str, dict[str, float | bool]] = {
    "outage": {"black_hole": True},
    "lossy": {"loss": 0.2, "jitter_s": 0.1},
    "slow": {"delay_s": 0.6, "up_bps": 20_000.0, "down_bps": 20_000.0},
    "names_fail": {"names_fail": True},
}


def _set(how: Conditions, values: dict[str, float | bool]) -> None:
    for name, value in values.items():
        setattr(how, name, value)


async def play(cell: Cell, outages: Iterable[Outage], scale: float = 1.0) -> None:
    """Play a pattern of outages from now on; `scale` 0.01 makes a day of it 14 min long."""
    begin = cell.now()
    for outage in sorted(outages, key=lambda one: one.begin):
        await cell.sleep(max(0.0, begin + outage.begin * scale - cell.now()))
        name = "stall" if outage.stall else "outage"
        await fault(cell, name, outage.seconds * scale)


def rough(cell: Cell) -> None:
    """Make it the rough cell of the figures: 60 ± 20 ms one way, 2 % loss."""
    how = cell.conditions
    how.delay_s, how.jitter_s, how.loss = 0.06, 0.02, 0.02
