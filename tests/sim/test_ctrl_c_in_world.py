"""Ctrl-C at random moments at dispensers of a running world: always a prompt, nothing is lost."""

import asyncio
import contextlib
import dataclasses
import os
import random
import re
from collections import Counter

import pytest

from gateway.serial_port import PortBusyError, PortLostError, SerialPort
from sim import stored
from sim.expected import BOOT_NS
from sim.hello import ask
from sim.inflight import InFlight
from sim.report import STORE, compute
from sim.world import World

pytest_plugins = ["sim.pytest_plugin"]
pytestmark = [pytest.mark.slow]
SEED = int(os.environ.get("SEED", "3"))
WITHIN = 60.0
NAMES = tuple(f"d{n}" for n in range(1, 7))
MOST = 1.0  # seconds of a life before Ctrl-C: it starts, or does its work
WRONG = ("gap", "fault")


@dataclasses.dataclass
class Tech:
    """Hands at one dispenser: somebody presses its buttons, a tech its Ctrl-C."""

    dispenser: object
    rng: random.Random
    line: SerialPort | None = None
    struck: int = 0
    vanished: int = 0
    told: Counter = dataclasses.field(default_factory=Counter)
    next: int = 0

    @property
    def board(self):
        return self.dispenser.board

    async def strike(self, presses):
        """Press Ctrl-C so often, in one life of the app after the other."""
        while self.struck < presses:
            hand = asyncio.create_task(self.hand())
            if self.rng.random() < 0.6:
                self.close()
                await ask(self.board.port, WITHIN)  # the app has started
            await asyncio.sleep(self.rng.uniform(0, MOST))
            for _ in range(self.rng.choice((1, 1, 2, 3))):
                await self.write(b"\x03")
                self.struck += 1
                await asyncio.sleep(self.rng.choice((0, 0.001, 0.02)))
            hand.cancel()
            await asyncio.gather(hand, return_exceptions=True)
            await self.look()
            await self.again()

    async def hand(self):
        """Press a button now and then, until cancelled."""
        while True:
            name = f"button{self.rng.randrange(5)}"
            self.board.set_input(name, True)
            try:
                await asyncio.sleep(self.rng.uniform(0.03, 0.1))
            finally:
                self.board.set_input(name, False)
            await asyncio.sleep(self.rng.uniform(0.05, 0.3))

    async def look(self):
        """The prompt answers, and the journal still has all that it had."""
        code = (
            b"d = globals().get('dispenser')\rprint('next', d._journal.next if d else -1, 6 * 7)\r"
        )
        async with asyncio.timeout(WITHIN):
            while True:
                await self.write(code)
                if found := re.search(rb"next (-?\d+) 42\r?\n", await self.read(0.5)):
                    break
                # it struck before there was anything to stop
                await self.write(b"\x03")
        at = int(found[1])
        assert at < 0 or at >= self.next, f"{self.dispenser.name}: {at} after {self.next}"
        self.next = max(self.next, at)
        self.told["without an app" if at < 0 else "app stopped"] += 1

    async def again(self):
        """Start the app again, by Ctrl-D or a reset of the chip."""
        boots = self.board.boots
        hard = self.rng.random() < 0.3
        await self.write(b"import machine; machine.reset()\r" if hard else b"\x04")
        await self.board.wait_for(lambda: self.board.boots > boots, WITHIN)
        if hard:
            self.close()

    async def write(self, data):
        async with asyncio.timeout(WITHIN):
            while True:
                try:
                    return await (await self.port()).write(data, WITHIN)
                except PortLostError:
                    self.lost()

    async def read(self, seconds):
        data = b""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while b" 42" not in data.partition(b"next ")[2] and loop.time() < end:
            try:
                data += await (await self.port()).read(end - loop.time())
            except PortLostError:
                self.lost()
        return data

    async def port(self):
        """The open port; it is away while the chip starts."""
        while self.line is None:
            try:
                self.line = SerialPort(self.board.port)
            except (PortLostError, PortBusyError, OSError):
                await asyncio.sleep(0.02)
        return self.line

    def lost(self):
        self.vanished += 1
        self.close()

    def close(self):
        if self.line is not None:
            self.line.close()
            self.line = None


@contextlib.asynccontextmanager
async def running(folder, image, seed, names):
    """A world in real time, its dispensers at benches with their apps at work."""
    world = World(folder, seed, names, image=image)
    try:
        await world.begin()
        await world.gateway.start()
        await asyncio.sleep(BOOT_NS / 1e9 + 1)
        for dispenser in world.dispensers.values():
            await dispenser.to_bench()
        yield world
    finally:
        await world.close()


async def arrive(world, ends):
    """Put all back to the gateway and wait until the store has all that the journals hold."""
    flight = InFlight(world.folder)
    for dispenser in world.dispensers.values():
        await dispenser.to_gateway()
    async with asyncio.timeout(WITHIN * 2):
        while any(flight.of(d.id, d.epoch).store < end for d, end in ends):
            await asyncio.sleep(0.1)


async def campaign(folder, image, seed, presses, names):
    async with running(folder, image, seed, names) as world:
        techs = [Tech(d, random.Random(f"{seed} {d.name}")) for d in world.dispensers.values()]
        async with asyncio.TaskGroup() as group:
            for tech in techs:
                group.create_task(tech.strike(presses // len(names)))
        ends = []
        for tech in techs:
            tech.close()
            end = (await ask(tech.board.port, WITHIN)).next
            assert end >= tech.next, tech.dispenser.name
            ends.append((tech.dispenser, end))
        await arrive(world, ends)
        await asyncio.sleep(1)
        await world.finish()
    return techs


@pytest.mark.parametrize(
    ("presses", "names", "seed"),
    [
        (60, NAMES, SEED),
        *(pytest.param(300, NAMES, seed, marks=pytest.mark.soak) for seed in range(20)),
    ],
)
@pytest.mark.timeout(600)
def test_ctrl_c_at_random_moments_loses_nothing(flashed, tmp_path, presses, names, seed):
    print("SEED", seed)
    techs = asyncio.run(campaign(tmp_path / "run", flashed, seed, presses, names))
    report = compute(tmp_path / "run")
    assert report.chain == "verified"
    records = stored.load(tmp_path / "run" / STORE)
    for tech in techs:
        print(tech.dispenser.name, tech.struck, tech.vanished, dict(tech.told))
        print(Counter(end.cause for end in tech.board.exits))
        mine = sorted(r.seq for r in records if r.dispenser == tech.dispenser.id)
        assert mine == list(range(len(mine))) and len(mine) >= max(tech.next, 1)
        assert not any(end.cause == "crash" for end in tech.board.exits)
    assert sum(tech.told["app stopped"] for tech in techs) > 0
    assert not [r for r in records if r.kind in WRONG]
