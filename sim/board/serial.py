"""A real board on a serial port; its inputs, cable and power are in the hands of others."""

import dataclasses
import time
from pathlib import Path
from typing import Self

from sim.board.events import Cut, Exit
from sim.board.serial_hands import Fixture, HandsError, Person, Touch
from sim.board.target import INPUTS

SERIAL = "serial:"
BY_HAND = "by-hand"
_FIXTURE = "fixture="
_HOW = f"{SERIAL}PORT,{_FIXTURE}PORT or {SERIAL}PORT,{BY_HAND} or both"


@dataclasses.dataclass(frozen=True, slots=True)
class SerialSpec:
    """What `--board serial:...` says: whose port it is, and who touches the board."""

    text: str
    port: Path
    fixture: Path | None
    by_hand: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `serial:/dev/ttyACM0,fixture=/dev/ttyACM1,by-hand`. Raises ValueError."""
        port, *words = text.removeprefix(SERIAL).split(",")
        fixtures = [word.removeprefix(_FIXTURE) for word in words if word.startswith(_FIXTURE)]
        others = [word for word in words if not word.startswith(_FIXTURE)]
        if not port or not words or len(fixtures) > 1 or not all(fixtures):
            raise ValueError(f"board {text!r}: say {_HOW}")
        if others not in ([], [BY_HAND]):
            raise ValueError(f"board {text!r}: {others[0]!r} is unknown; say {_HOW}")
        fixture = Path(fixtures[0]) if fixtures else None
        return cls(text, Path(port), fixture, bool(others))

    @property
    def abilities(self) -> frozenset[str]:
        """What can be done with it."""
        inputs = INPUTS if self.fixture else frozenset({"inputs"})
        return inputs | (frozenset({"cable", "power"}) if self.by_hand else frozenset())

    @property
    def loose_ms(self) -> int:
        """How far the true times of touches may be off."""
        return 0 if self.fixture else Person.LATE_MS


class SerialBoard:
    """One real board. `move` does what `set_input` does to an emulated one."""

    def __init__(
        self, folder: Path, name: str, port: Path, touch: Touch, person: Person | None
    ) -> None:
        """`touch` moves inputs; `person` has the cable and the cells in hand, if somebody has."""
        folder.mkdir(parents=True)
        self.folder = folder
        self.name = name
        self.port = port
        self.state = "off"
        self.plugged = True
        self.exits: list[Exit] = []
        self.cuts: list[Cut] = []
        self.operations = 0
        self.peak_heap_bytes = 0
        self._touch = touch
        self._person = person

    async def move(self, name: str, active: bool) -> int:
        """Make an input active or not; returns when that was (Unix ns). Raises HandsError."""
        self.operations += 1
        return await self._touch.move(name, active)

    async def power_on(self) -> None:
        """Have it switched on, unless it is; nothing is touched when it begins."""
        if self.state == "off":
            if self.exits:
                await self._ask("put the cells in, and the USB cable")
            else:
                await self._touch.let_go()
            self.state, self.plugged = "running", True

    async def power_cut(self) -> None:
        """Have cells and cable taken out."""
        await self._ask("pull the USB cable and take one of the cells out")
        self.state, self.plugged = "off", False
        self._ended("power cut")

    async def unplug(self) -> None:
        """Have its cable pulled, if it is in."""
        if self.plugged:
            await self._ask("pull the USB cable")
            self.plugged = False

    async def plug(self) -> None:
        """Have its cable put in, if it is out."""
        if not self.plugged:
            await self._ask("put the USB cable in")
            self.plugged = True

    def restarted(self) -> None:
        """Note that somebody has just let it begin anew."""
        self._ended("reset")

    async def close(self) -> None:
        """Let go of its inputs; it runs on."""
        await self._touch.close()

    async def _ask(self, what: str) -> None:
        if self._person is None:
            raise HandsError(f"{self.name}: nobody is there to {what}: add `,{BY_HAND}`")
        await self._person.do(what)

    def _ended(self, cause: str) -> None:
        self.exits.append(Exit(time.time_ns(), cause, 0))


def connect(spec: SerialSpec, folder: Path, name: str) -> SerialBoard:
    """Return the board of a spec; nothing is touched yet."""
    person = Person(name) if spec.by_hand else None
    touch = Fixture(spec.fixture) if spec.fixture else Person(name)
    return SerialBoard(folder, name, spec.port, touch, person)
