"""Ctrl-C at any moment, and how long a prompt lasts."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from protocol.schema import RecordType
from sim.clock import VirtualClock
from tests.firmware.rig import Rig, copy, files, play
from tests.sim.board.bench import Bench
from tests.support.micropython import FIRMWARE

PRESSES = 14  # so many that the tail spills into a segment


class Workload:
    """Presses, and two Ctrl-C within 20 ms as soon as the n-th flash operation has begun."""

    def __init__(self, rig: Rig, operation: int | None) -> None:
        self._rig = rig
        self._at = None if operation is None else rig.board.operations + operation
        self._begun = rig.board.operations

    @property
    def operations(self) -> int:
        return self._rig.board.operations - self._begun

    async def run(self) -> None:
        presses = asyncio.create_task(self._press())
        if self._at is None:
            await presses
            return
        struck = asyncio.create_task(self._strike(self._at))
        await asyncio.wait({presses, struck}, return_when=asyncio.FIRST_COMPLETED)
        presses.cancel()
        await struck

    async def _press(self) -> None:
        # the same button twice within two seconds would be one response
        for n in range(PRESSES):
            await self._rig.press(f"button{n % 5}", 50)

    async def _strike(self, at: int) -> None:
        await self._rig.board.wait_for(lambda: self._rig.board.operations >= at)
        assert self._rig.host
        self._rig.host.write(b"\x03")
        await asyncio.sleep(0.015)
        self._rig.host.write(b"\x03")


async def strike(rig: Rig, operation: int) -> None:
    """Two Ctrl-C at this operation: a prompt, nothing torn, and the app back after a reset."""
    await rig.hello()
    await Workload(rig, operation).run()
    await asyncio.sleep(0.3)
    assert "2" in await rig.mpremote("resume", "exec", "print(1 + 1)"), operation
    await rig.restart()
    hello = await rig.hello()
    records = await rig.records(0, hello.next)
    assert [r.seq for r in records] == list(range(hello.next))
    kinds = [r.type for r in records]
    assert RecordType.gap not in kinds and RecordType.fault not in kinds, operation
    assert kinds.count(RecordType.maintenance) >= 1, operation


def count(provisioned: Path, folder: Path) -> int:
    """Return how many flash operations the workload has."""
    seen: list[int] = []

    async def scenario(rig: Rig) -> None:
        await rig.hello()
        workload = Workload(rig, None)
        await workload.run()
        seen.append(workload.operations)

    folder.mkdir()
    play(copy(provisioned, folder), scenario, erase_ms=20)
    assert seen[0] > PRESSES
    return seen[0]


def test_ctrl_c_twice_at_some_flash_operations(provisioned: Path, tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", "11"))
    print("seed", seed)
    at_operations(provisioned, tmp_path, random.Random(seed).sample(range(1, PRESSES), 3))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_ctrl_c_twice_at_every_flash_operation(provisioned: Path, tmp_path: Path) -> None:
    at_operations(provisioned, tmp_path, range(1, count(provisioned, tmp_path / "count") + 1))


def at_operations(provisioned: Path, folder: Path, operations: list[int] | range) -> None:
    for operation in operations:
        board = folder / str(operation)
        board.mkdir()

        async def scenario(rig: Rig, operation: int = operation) -> None:
            await strike(rig, operation)

        play(copy(provisioned, board), scenario, erase_ms=20)


# replaced in main.py: a second Ctrl-C as soon as the first, or a crash, has ended the app
STRUCK = """
        def strike(char, really=micropython.kbd_intr):
            micropython.kbd_intr = really
            raise KeyboardInterrupt
        micropython.kbd_intr = strike
        {end}
"""
FED = "import machine; print(maintenance.left > 0 or not machine.mem32[WATCHDOG] & 1 << 30)"


@pytest.mark.parametrize("end", ["dispenser.run()", "raise KeyboardInterrupt", "1 // 0"])
def test_a_second_ctrl_c_before_the_first_is_dealt_with(
    provisioned: Path, tmp_path: Path, end: str
) -> None:
    async def scenario(rig: Rig) -> None:
        if end == "dispenser.run()":
            await rig.hello()
            assert rig.host
            rig.host.write(b"\x03")
        text = await rig.mpremote("resume", "exec", FED)
        assert "True" in text  # the watchdog is fed for as long as a tech may have the prompt
        await rig.mpremote("resume", "fs", "cp", str(FIRMWARE / "main.py"), ":main.py")
        await rig.restart()
        hello = await rig.hello()
        kinds = [r.type for r in await rig.records(0, hello.next)]
        assert RecordType.fault not in kinds and kinds.count(RecordType.maintenance) == 1

    folder = copy(provisioned, tmp_path)
    with files(folder) as system:
        with system.open("/main.py", "r") as file:
            text = file.read()
        assert text.count("        dispenser.run()\n") == 1
        with system.open("/main.py", "w") as file:
            file.write(text.replace("        dispenser.run()\n", STRUCK.format(end=end)))
    play(folder, scenario)


def test_a_prompt_lasts_a_quarter_of_an_hour_and_then_the_app_is_back(
    provisioned: Path, tmp_path: Path
) -> None:
    async def whole() -> None:
        clock = VirtualClock()
        bench = Bench(copy(provisioned, tmp_path), clock=clock)
        try:
            await bench.board.power_on()
            await clock.advance(5)
            text = await clock.paced(bench.mpremote("resume", "exec", "print(maintenance.left)"))
            assert 0 < int(text) <= 15 * 120
            began, exits = clock.now_ns, len(bench.board.exits)
            await clock.advance(60)
            assert "42" in await clock.paced(bench.mpremote("resume", "exec", "print(6 * 7)"))
            await clock.advance(13 * 60)
            assert len(bench.board.exits) == exits
            await clock.run_until(lambda: len(bench.board.exits) > exits, within_s=180)
            assert bench.board.exits[-1].cause == "watchdog"
            assert 15 * 60 - 5 <= (clock.now_ns - began) / 1e9 <= 15 * 60 + 15
            # and it lives: the watchdog is fed by the app again
            await clock.advance(120)
            assert len(bench.board.exits) == exits + 1
            console = bench.console
            assert b"Traceback" not in console[-500:]
        finally:
            await bench.board.close()

    asyncio.run(whole())
