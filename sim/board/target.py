"""What a world wants of any board target, and the names of what targets can do."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from sim.board.events import Cut, Exit

INPUTS = frozenset({"inputs", "quick inputs"})
"""`quick inputs`: edges to the millisecond; without, a person's seconds."""
EMULATED = INPUTS | {
    "power", "quick power", "flash cut", "cable", "line", "rtc", "eeprom", "virtual time",
}  # fmt: skip


class Target(Protocol):
    """One board with its power switch and cable, emulated or real.

    `exits` are the ends of its runs as far as they are known, `cuts` those inside of a write;
    `operations` counts flash operations, or what must cause one where nobody can count them.
    """

    @property
    def name(self) -> str:
        """As the world calls it."""

    @property
    def folder(self) -> Path:
        """Where it keeps its files."""

    @property
    def port(self) -> Path:
        """Its serial port, there while it is plugged in and runs."""

    @property
    def state(self) -> str:
        """What it does: off, booting, running, resetting."""

    @property
    def plugged(self) -> bool:
        """Whether its USB cable is in."""

    @property
    def exits(self) -> Sequence[Exit]:
        """Ends of its runs."""

    @property
    def cuts(self) -> Sequence[Cut]:
        """Power cuts inside of a write."""

    @property
    def operations(self) -> int:
        """Flash operations so far."""

    @property
    def peak_heap_bytes(self) -> int:
        """Largest heap that was seen, 0 if nobody can tell."""

    async def power_on(self) -> None:
        """Switch on; no-op when it is on."""

    async def power_cut(self) -> None:
        """Take cells and USB away."""

    async def unplug(self) -> None:
        """Pull the USB cable."""

    async def plug(self) -> None:
        """Put the USB cable in."""

    async def close(self) -> None:
        """Be done with it."""
