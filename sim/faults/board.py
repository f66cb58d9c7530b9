"""Faults of a dispenser: its power, its cable, its clock, its inputs."""

import asyncio
from typing import ClassVar

from sim.clock import Timer
from sim.faults.base import Fault, OfDispenser
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

    def observed(self, world: World) -> str:
        """Say what it cut short."""
        active = sorted(self.dispenser(world).active)
        told = [f"{self.target}: {', '.join(active)} active over the cut"] if active else []
        return "; ".join([*told, *filter(None, [super().observed(world)])])


class PowerCutInWrite(PowerCut):
    """Power dies inside the next write to the flash, whenever that comes."""

    name = "power_cut_in_flash_write"
    needs = frozenset({"power", "flash cut"})

    async def strike(self, world: World) -> None:
        """Arm it."""
        await self.emulated(world).cut_at(1, self.rng.randrange(1, 64))

    def observed(self, world: World) -> str:
        """Say where it struck."""
        cuts = self.dispenser(world).board.cuts
        return f"{self.target}: inside {cuts[-1].operation} at {cuts[-1].where}" if cuts else ""


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
        """Say how often."""
        return f"{self.target}: {self.times} cuts; {super().observed(world)}"


class Lost(OfDispenser):
    """It falls into the river, journal and all: what was acknowledged must outlive it."""

    name = "dispenser_lost"
    needs = frozenset({"power", "cable"})

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
    """Bytes are flipped, lost and doubled on the line, in both directions."""

    name = "line_noisy"
    needs = frozenset({"line"})
    share: ClassVar[float] = 0.05

    async def strike(self, world: World) -> None:
        """Begin."""
        self.hurt = 0
        self.emulated(world).relay.tamper = self._tamper

    async def mend(self, world: World) -> None:
        """End."""
        self.emulated(world).relay.tamper = None

    def observed(self, world: World) -> str:
        """Say how much was hurt."""
        told = f"{self.target}: {self.hurt} pieces hurt" if self.hurt else ""
        return "; ".join(filter(None, [told, super().observed(world)]))

    def _tamper(self, _sender: str, data: bytes) -> bytes:
        if not data or self.rng.random() > self.share * 4:
            return data
        self.hurt += 1
        at = self.rng.randrange(len(data))
        how = self.rng.randrange(3)
        if how == 0:
            return data[:at] + bytes([data[at] ^ 1 << self.rng.randrange(8)]) + data[at + 1 :]
        if how == 1:
            return data[:at] + data[at + 1 :]
        return data + data


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
        if self.input not in self.dispenser(world).active:
            await self.dispenser(world).move(self.input, True)

    async def mend(self, world: World) -> None:
        """Take it away."""
        if self.input in self.dispenser(world).active:
            await self.dispenser(world).move(self.input, False)


class ReedStuck(BeamStuck):
    """A magnet keeps the reed contact as if the lid were open."""

    name = "reed_stuck"
    input = "lid"


BOARD: tuple[type[Fault], ...] = (
    PowerCut, PowerCutInWrite, BrownOut, Lost, CableOut, Moved, NoisyLine, RtcDead, RtcCellEmpty,
    RtcJumps, RtcDrifts, EepromDead, BeamStuck, ReedStuck,
)  # fmt: skip
