"""The firmware on the emulated board: appends, gaps between feeds, start, memory.

The interpreter is the real one, but on this machine's processor; only the flash's erase and
program times are those of the board.
"""

import asyncio
import contextlib
import json
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from protocol.schema import MessageType
from tests.bench import days, frozen, gaps, transfer
from tests.bench.figures import Figure
from tests.firmware import rig
from tests.support import micropython

_SCRIPT = Path(__file__).with_name("mp_full_flash.py")
_WORLDS = micropython.ROOT / "tests" / "firmware" / "device"
_SLOWER = 40
"""How much slower an RP2040 runs the same bytecode (30 to 60 by loops and hashes)."""
_READ_BYTES_MS = 10_000
"""Bytes a ms from the flash: QSPI at half the processor's clock, four bits at a time, one half
lost to addresses."""
_HEAP = 240 * 1024
_LOAD_S = 15.0
_SEED = 4


def figures() -> Iterator[Figure]:
    """Measure the firmware."""
    yield from _full_flash()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "board"
        folder.mkdir()
        rig.make_image(Path(scratch) / "build", folder)
        rig.make_provisioned(folder)
        yield from _start(rig.copy(folder, _folder(scratch, "start")))
        for erase_ms, most in ((45, (100.0, 250.0)), (400, (None, None))):
            loaded = rig.copy(folder, _folder(scratch, f"erase{erase_ms}"))
            yield from _gaps(loaded, erase_ms, *most)
        yield from frozen.figures(rig.copy(folder, _folder(scratch, "frozen")), 45)
        yield from transfer.figures(rig.copy(folder, _folder(scratch, "transfer")), 45)
        for erase_ms, most in ((45, (100.0, 250.0)), (400, (None, None))):
            yield from days.figures(_folder(scratch, f"days{erase_ms}"), erase_ms, *most)


def _folder(scratch: str, name: str) -> Path:
    folder = Path(scratch) / name
    folder.mkdir()
    return folder


def _full_flash() -> Iterator[Figure]:
    told = json.loads(micropython.run(_SCRIPT, "45", heap="16M", extra=_WORLDS))
    taken = sorted(us / 1000 for us in told["appends"])
    yield Figure("records held by a full journal", told["held"], "records", least=10_000)
    yield Figure("append, full flash, 45 ms erases: p50", taken[len(taken) // 2], "ms", most=5)
    yield Figure("append, full flash, 45 ms erases: p99", taken[len(taken) * 99 // 100], "ms")
    yield Figure("append, full flash, 45 ms erases: max", taken[-1], "ms", most=250)
    start = told["start"] / 1000 * _SLOWER + told["read"] / _READ_BYTES_MS
    yield Figure("start with a full journal, as the board would", start, "ms", most=300)
    yield Figure("start with a full journal: read from flash", told["read"] / 1024, "KiB")


def _start(folder: Path) -> Iterator[Figure]:
    result: list[Figure] = []

    async def scenario(board: rig.Rig) -> None:
        await board.hello()
        await board.board.power_cut()
        board.close()
        began = time.monotonic()
        await board.board.power_on()
        await board.hello()
        result.append(
            Figure("power-on to HELLO", (time.monotonic() - began) * 1000, "ms", most=1000)
        )
        await _press(board, 10.0)
        body = b""
        board.send(MessageType.status, body)
        frame = await board.frame(MessageType.status, 3)
        assert frame
        free = int.from_bytes(frame.body[4:8], "big")
        # a word is 8 bytes on the 64-bit port and 4 on the RP2040
        result.append(
            Figure("heap free after collection, of 240 kB", free / 2048, "KiB", least=120)
        )
        peak = board.board.peak_heap_bytes / 2
        result.append(Figure("heap free at its peak, of 240 kB", (_HEAP - peak) / 1024, "KiB"))

    rig.play(folder, scenario)
    yield from result


async def _press(board: rig.Rig, seconds: float) -> None:
    rng = random.Random(_SEED)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await board.press(f"button{rng.randrange(5)}", 50)


def _gaps(
    folder: Path, erase_ms: int, most_p99: float | None, most: float | None
) -> Iterator[Figure]:
    gaps.install(folder)
    histogram: list[int] = []
    resets: list[object] = []

    async def scenario(board: rig.Rig) -> None:
        await board.hello()
        resets.extend(board.board.exits)
        reading = asyncio.create_task(_read_on(board))
        await _press(board, _LOAD_S)
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        resets[:] = board.board.exits[len(resets) :]
        histogram.extend(await gaps.read(board))

    rig.play(folder, scenario, erase_ms)
    yield from gaps.figures(f"{erase_ms} ms erases, under load", histogram, most_p99, most)
    yield Figure(f"resets, {erase_ms} ms erases, under load", len(resets), "", most=0)


async def _read_on(board: rig.Rig) -> None:
    while True:
        await board.hello()
        await asyncio.sleep(0.1)
