"""Faults of a dispenser: its power, its cable, its clock, its inputs."""

import asyncio
from collections import Counter
from typing import ClassVar

from sim.clock import Timer
from sim.faults.base import Fault, OfDispenser, unstored
from sim.inflight import InFlight
from sim.world import World


class PowerCut(OfDispenser):
    """Battery and mains gone at once."""

    name = "power_cut"
    needs = frozenset({"power"})

    async def strike(self, world: World) -> None:
        """Cut."""
        async with self.dispenser(world).held:
            await self.dispenser(world).cut()

    async def mend(self, world: World) -> None:
        """Switch on."""
        async with self.dispenser(world).held:
            if self.dispenser(world).board.state == "off":
                await self.dispenser(world).power_on()


class PowerCutInWrite(PowerCut):
    """Power dies inside the next write to the flash, whenever that comes."""

    name = "power_cut_in_flash_write"
    needs = frozenset({"power", "flash cut"})

    async def strike(self, world: World) -> None:
        """Arm it."""
        board = self.emulated(world)
        self._cuts = len(board.cuts)
        await board.cut_at(*self.when())

    def when(self) -> tuple[int, int]:
        """Return the operation it strikes, counted from 1, and how many bytes come before."""
        return 1, self.rng.randrange(1, 64)

    async def mend(self, world: World) -> None:
        """Switch on; what has not struck will not."""
        self.emulated(world).cut_never()
        await super().mend(world)

    def observed(self, world: World) -> str:
        """Say where it struck."""
        cuts = self.dispenser(world).board.cuts[self._cuts :]
        return "; ".join(f"{self.target}: inside {c.operation} at {c.where}" for c in cuts)


class PowerCutLater(PowerCutInWrite):
    """Power dies at one of the next dozen operations of the flash, before it or inside it."""

    name = "power_cut_at_flash_operation"

    def when(self) -> tuple[int, int]:
        """Return one of them."""
        return self.rng.randrange(2, 13), self.rng.randrange(64)


class BrownOut(OfDispenser):
    """Power comes and goes, again and again, seconds at a time."""

    name = "brown_out"
    needs = frozenset({"power", "quick power"})
    on_s: ClassVar[float] = 8.0
    off_s: ClassVar[float] = 4.0

    def __init__(self, target: str = "", seed: int = 0) -> None:
        super().__init__(target, seed)
        self._over = False
        self.times = 0

    async def strike(self, world: World) -> None:
        """Begin; each loop waits in the world's time, so this is for a task of its own."""
        self._task = asyncio.create_task(self._loop(world))

    async def _loop(self, world: World) -> None:
        dispenser = self.dispenser(world)
        while not self._over:
            async with dispenser.held:
                await dispenser.cut()
                self.times += 1
                await world.clock.sleep(self.off_s * self.rng.uniform(0.5, 1.5))
                await dispenser.power_on()
            await world.clock.sleep(self.on_s * self.rng.uniform(0.3, 1.7))

    async def mend(self, _world: World) -> None:
        """Let power stay."""
        self._over = True
        await self._task

    def observed(self, world: World) -> str:
        """Say how often, if anything came."""
        came = super().observed(world)
        return f"{self.target}: {self.times} cuts; {came}" if came else ""


class Lost(OfDispenser):
    """It falls into the river, journal and all: what was acknowledged must outlive it."""

    name = "dispenser_lost"
    needs = frozenset({"power", "cable"})

    def evidence(self, world: World) -> str:
        """Say what a spool alone holds from now on."""
        return unstored(world, InFlight(world.folder))

    async def strike(self, world: World) -> None:
        """Take it away for ever."""
        dispenser = self.dispenser(world)
        acknowledged = InFlight(world.folder).of(dispenser.id, dispenser.epoch).spool
        await dispenser.unplug()
        await dispenser.cut()
        world.lost(dispenser, acknowledged)

    async def mend(self, _world: World) -> None:
        """Nothing brings it back."""


class CableOut(OfDispenser):
    """The USB cable is pulled; the board runs on from its battery."""

    name = "cable_out"
    needs = frozenset({"cable"})

    async def strike(self, world: World) -> None:
        """Pull it."""
        await self.dispenser(world).unplug()

    async def mend(self, world: World) -> None:
        """Put it in."""
        if not self.dispenser(world).board.plugged:
            await self.dispenser(world).to_gateway()


class Moved(OfDispenser):
    """The cable goes into the next gateway, and back when healed."""

    name = "cable_in_other_gateway"
    needs = frozenset({"cable"})

    async def strike(self, world: World) -> None:
        """Move it on."""
        names = list(world.gateways)
        self._home = self.dispenser(world).gateway
        await self.dispenser(world).to_gateway(names[(names.index(self._home) + 1) % len(names)])

    async def mend(self, world: World) -> None:
        """Move it back."""
        await self.dispenser(world).to_gateway(self._home)


class NoisyLine(OfDispenser):
    """Bytes are flipped, lost, doubled and late on the line, in both directions."""

    name = "line_noisy"
    needs = frozenset({"line"})
    share: ClassVar[float] = 0.2
    latest_s: ClassVar[float] = 3.0

    async def strike(self, world: World) -> None:
        """Begin."""
        self.hurt: Counter[str] = Counter()
        self._late: dict[str, bytes] = {}
        self._clock = world.clock
        self._board = self.emulated(world)
        self._board.relay.tamper = self._tamper

    async def mend(self, _world: World) -> None:
        """End; what is late comes now."""
        self._board.relay.tamper = None
        for sender in list(self._late):
            self._arrive(sender)

    def observed(self, world: World) -> str:
        """Say what was done to how many pieces, if anything came."""
        told = ", ".join(f"{count} {how}" for how, count in sorted(self.hurt.items()))
        came = super().observed(world)
        return f"{self.target}: pieces {told}; {came}" if told and came else ""

    def _tamper(self, sender: str, data: bytes) -> bytes:
        how = self.rng.choice(("flipped", "lost", "doubled", "late"))
        hit = bool(data) and self.rng.random() < self.share
        if hit:
            self.hurt[how] += 1
            data = self._hurt(sender, how, data)
        if sender not in self._late:
            return data
        # bytes do not overtake each other
        self._late[sender] += data
        return b""

    def _hurt(self, sender: str, how: str, data: bytes) -> bytes:
        at = self.rng.randrange(len(data))
        if how == "flipped":
            return data[:at] + bytes([data[at] ^ 1 << self.rng.randrange(8)]) + data[at + 1 :]
        if how == "lost":
            return data[:at] + data[at + 1 :]
        if how == "doubled":
            return data + data
        if sender not in self._late:
            self._late[sender] = b""
            self._clock.call_later(
                self.rng.uniform(0.1, self.latest_s), lambda: self._arrive(sender)
            )
        return data

    def _arrive(self, sender: str) -> None:
        data = self._late.pop(sender, b"")
        if self._board.plugged:  # a cable that is out carries nothing
            self._board.relay.arrive(sender, data)


class RtcDead(OfDispenser):
    """The DS3231 does not answer."""

    name = "rtc_dead"
    needs = frozenset({"rtc"})

    async def strike(self, world: World) -> None:
        """Take it off the bus."""
        self.emulated(world).rtc_present(False)

    async def mend(self, world: World) -> None:
        """Put it back."""
        self.emulated(world).rtc_present(True)


class EepromDead(OfDispenser):
    """The EEPROM that keeps the keys does not answer."""

    name = "eeprom_dead"
    needs = frozenset({"eeprom"})

    async def strike(self, world: World) -> None:
        """Take it off the bus."""
        self.emulated(world).eeprom_present(False)

    async def mend(self, world: World) -> None:
        """Put it back."""
        self.emulated(world).eeprom_present(True)


class RtcCellEmpty(OfDispenser):
    """The DS3231's coin cell is empty: it says so, and shows another time."""

    name = "rtc_cell_empty"
    needs = frozenset({"rtc"})

    async def strike(self, world: World) -> None:
        """Stop the oscillator, as while power was off."""
        board = self.emulated(world)
        board.rtc_set_offset(-(world.clock.now_ns / 1e9 - 946_684_800))
        board.rtc_stop_oscillator()

    async def mend(self, _world: World) -> None:
        """Nothing: the firmware sets it."""


class RtcJumps(OfDispenser):
    """The DS3231 jumps by hours."""

    name = "rtc_jumps"
    needs = frozenset({"rtc"})

    async def strike(self, world: World) -> None:
        """Jump."""
        board = self.emulated(world)
        board.rtc_set_offset(board.rtc_offset() + self.rng.choice((-1, 1)) * 7 * 3600)

    async def mend(self, _world: World) -> None:
        """Nothing: the firmware sets it."""


class RtcDrifts(OfDispenser):
    """The DS3231 runs a second fast every minute."""

    name = "rtc_drifts"
    needs = frozenset({"rtc"})

    async def strike(self, world: World) -> None:
        """Begin."""
        self._world = world
        self._timer: Timer | None = None
        self._tick()

    def _tick(self) -> None:
        board = self.emulated(self._world)
        board.rtc_set_offset(board.rtc_offset() + 1.0)
        self._timer = self._world.clock.call_later(60.0, self._tick)

    async def mend(self, _world: World) -> None:
        """End."""
        if self._timer:
            self._timer.cancel()


class BeamStuck(OfDispenser):
    """Something lies in front of the beam of compartment 4."""

    name = "beam_stuck"
    needs = frozenset({"inputs"})
    input: ClassVar[str] = "beam4"

    async def strike(self, world: World) -> None:
        """Put it there."""
        await self.dispenser(world).stick(self.input)

    async def mend(self, world: World) -> None:
        """Take it away."""
        await self.dispenser(world).free(self.input)


class ReedStuck(BeamStuck):
    """A magnet keeps the reed contact as if the lid were open."""

    name = "reed_stuck"
    input = "lid"


BOARD: tuple[type[Fault], ...] = (
    PowerCut, PowerCutInWrite, PowerCutLater, BrownOut, Lost, CableOut, Moved, NoisyLine, RtcDead,
    RtcCellEmpty, RtcJumps, RtcDrifts, EepromDead, BeamStuck, ReedStuck,
)  # fmt: skip
