"""A dispenser of a world: every edge and every loss of power is in the ledger."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from sim.board.emulated import EmulatedBoard, Exit
from sim.board.launcher import SOFT_RESET
from sim.board.serial import SerialBoard
from sim.board.target import Target
from sim.clock import Clock
from sim.ledger import Ledger, Power, PowerEvent, Stimulus, Tech


class WorldError(RuntimeError):
    """Something in the world broke that nobody broke."""


class Dispenser:
    """One dispenser on any board target: `active` are the inputs that are so now.

    `held` keeps others from touching it: a patient for each edge, whoever switches its power for
    as long as that takes. `gateway` is whose port its cable is in, "" while it is at a bench.
    """

    def __init__(
        self, name: str, board: Target, cables: Path, gateway: str, clock: Clock,
        ledger: Ledger, pressed: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """`cables`: folder with a folder for each gateway, where that finds its ports.

        `pressed` is called when a button is about to be.
        """
        self.name = name
        self.board = board
        self.gateway = gateway
        self.held = asyncio.Lock()
        self.id = ""
        self.epoch = 0
        self.active: set[str] = set()
        self.watchdog_may_bite = False
        self._stuck: dict[str, bool] = {}
        self._cables = cables
        self._clock = clock
        self._ledger = ledger
        self._logged = 0
        self._pressed = pressed
        self._lay()

    @property
    def emulated(self) -> EmulatedBoard:
        """Its board, for what only an emulated one can do; raises WorldError if it is none."""
        if not isinstance(self.board, EmulatedBoard):
            raise WorldError(f"{self.name} is no emulated board")
        return self.board

    def touch(self, name: str, active: bool) -> int:
        """Make an input of an emulated board active or not; returns the true time in Unix ns.

        One that is stuck stays as it is, and moves when it is `free`.
        """
        self.follow()
        if name in self._stuck:
            self._stuck[name] = active
            return self._clock.now_ns
        if active and name.startswith("button"):
            self._pressed()
        return self._note(name, active, self.emulated.set_input(name, active))

    async def move(self, name: str, active: bool) -> int:
        """As `touch`, on any board: on a real one that takes its time. Raises HandsError."""
        if not isinstance(self.board, SerialBoard) or name in self._stuck:
            return self.touch(name, active)
        self.follow()
        return self._note(name, active, await self.board.move(name, active))

    def left(self, name: str) -> bool:
        """Tell whether hands have left an input active, stuck or not."""
        return self._stuck.get(name, name in self.active)

    async def stick(self, name: str) -> None:
        """Keep an input active, whatever hands do. Raises HandsError."""
        left = self.left(name)
        if not left:
            await self.move(name, True)
        self._stuck[name] = left

    async def free(self, name: str) -> None:
        """Let an input be as hands have left it. Raises HandsError."""
        left = self._stuck.pop(name, name in self.active)
        if left != (name in self.active):
            await self.move(name, left)

    def _note(self, name: str, active: bool, t: int) -> int:
        (self.active.add if active else self.active.discard)(name)
        self._ledger.append(Stimulus(t=t, dispenser=self.name, input=name, active=active))
        return t

    async def power_on(self) -> None:
        """Switch it on."""
        self.follow()
        self._ledger.append(Power(t=self._clock.now_ns, dispenser=self.name, power="on"))
        await self.board.power_on()

    async def cut(self) -> None:
        """Take its power now."""
        await self.board.power_cut()
        self.follow()

    async def to_bench(self) -> None:
        """Take its cable out of the gateway and into a tech's machine: the port is free then."""
        self.watchdog_may_bite = True
        self._ledger.append(Tech(t=self._clock.now_ns, dispenser=self.name, tech="bench"))
        self._pull()
        await self.board.unplug()
        await self.board.plug()

    async def unplug(self) -> None:
        """Pull its cable; it runs on from its battery."""
        self._pull()
        await self.board.unplug()

    async def to_gateway(self, gateway: str = "") -> None:
        """Put its cable into a gateway, by default where it was last."""
        await self.board.unplug()
        self._pull()
        self.gateway = gateway or self.gateway
        self._lay()
        await self.board.plug()

    def _lay(self) -> None:
        cable = self._cables / self.gateway / self.name
        cable.parent.mkdir(parents=True, exist_ok=True)
        cable.symlink_to(self.board.port)

    def _pull(self) -> None:
        (self._cables / self.gateway / self.name).unlink(missing_ok=True)

    def follow(self) -> None:
        """Write down what has happened to its power since the last look.

        Raises WorldError if the interpreter died, or the watchdog bit though it must not.
        """
        for end in self.board.exits[self._logged :]:
            self._logged += 1
            if end.cause == "crash" or (end.cause == "watchdog" and not self.watchdog_may_bite):
                raise WorldError(f"{self.name}: {end.cause}: see {self.board.folder}/console.log")
            # an armed cut has struck shortly before the process is seen to end
            struck = [cut.time_ns for cut in self.board.cuts if end.time_ns - 10**9 < cut.time_ns]
            t = min([end.time_ns, *struck])
            self._ledger.append(Power(t, self.name, _power(end)))


def _power(end: Exit) -> PowerEvent:
    if end.cause == "power cut":
        return "cut"
    # a soft reset into the raw prompt does not run main.py
    return "prompt" if end.code == SOFT_RESET + 1 else "reset"
