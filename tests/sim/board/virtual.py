"""A dispenser in virtual time: the real firmware on an emulated board, set up without a host."""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from protocol import schema, wire
from protocol.commands import command_key
from protocol.schema import RecordType
from sim.clock import VirtualClock
from tests.sim.board.bench import Bench
from tools import compile as compiler

HOUR_NS = 3600 * 10**9
SECOND_NS = 10**9
HEADER = 12  # bytes of a journal's file before its first record
SECRET = "5c" * 32
ID = "0011223344556677"
SETUP = """
import sys
sys.path.insert(0, "/slots/a")
from dispenser import pins, provision
from dispenser.drivers import chip
from dispenser.drivers.rtc import Ds3231
Ds3231(chip.bus(), pins.DS3231).set({seconds})
print("epoch", provision.run("{id}", 7, 0, 1, "{secret}", "{command}"))
"""

Scenario = Callable[[Bench, VirtualClock], Awaitable[None]]


async def set_up(
    bench: Bench,
    clock: VirtualClock,
    scratch: Path,
    before_start: Callable[[bytes], bytes] = lambda main: main,
) -> None:
    """Install and provision the firmware on a board that is off; leaves it running its app.

    `before_start` may change what is on the board, and its main.py, while it is off.
    """
    built = compiler.firmware(compiler.FIRMWARE, scratch)
    app = {compiler.placed(path, "a"): content for path, content in built.items()}
    final = app.pop("/main.py")
    command = command_key(bytes.fromhex(SECRET), bytes.fromhex(ID)).hex()
    seconds = clock.now_ns // 10**9 - schema.TIME_BASE
    words = {"seconds": seconds, "id": ID, "secret": SECRET, "command": command}
    put(bench, {**app, "/main.py": SETUP.format(**words).encode()})
    await bench.board.power_on()
    await clock.run_until(lambda: b"epoch " in bench.console and b">>> " in bench.console)
    await bench.board.power_cut()
    put(bench, {"/main.py": before_start(final)})
    await bench.board.power_on()


def put(bench: Bench, files: dict[str, bytes]) -> None:
    """Write files onto the flash of a board that is off."""
    fs = bench.filesystem()
    if set(fs.context.buffer) == {0xFF}:
        fs.format()
    fs.mount()
    for path, content in files.items():
        fs.makedirs(str(Path(path).parent), exist_ok=True)
        with fs.open(path, "wb") as file:
            file.write(content)
    (bench.folder / "flash.img").write_bytes(fs.context.buffer)


def journal(bench: Bench) -> list[schema.Record]:
    """All records on the flash image, in order of seq: from the first held, none missing."""
    fs = bench.filesystem()
    fs.mount()
    found = {}
    for folder, _, names in fs.walk("/journal"):
        for name in names:
            with fs.open(f"{folder}/{name}", "rb") as file:
                data = bytes(file.read())
            for raw in wire.split_records(data[HEADER:]):
                found[wire.seq_of(raw)] = wire.parse(schema.Record, raw)
    assert sorted(found) == list(range(min(found), min(found) + len(found)))
    return [found[seq] for seq in sorted(found)]


def lines(bench: Bench, word: bytes) -> list[list[int]]:
    """The numbers after the word, wherever it was printed."""
    found = re.findall(rb"\b" + word + rb"((?: \d+)+)\r?\n", bench.console)
    return [[int(text) for text in numbers.split()] for numbers in found]


class Patient:
    """Episodes: what is done when, from a seed."""

    def __init__(self, bench: Bench, clock: VirtualClock, seed: int) -> None:
        self.truth: list[tuple[int, RecordType]] = []  # ns since 1970, what it must become
        self._bench, self._clock = bench, clock
        self._rng = random.Random(seed)

    def plan(self, hours: int, episodes: int) -> None:
        """Set the timers for so many episodes in so many hours."""
        slot = hours * 3_600_000_000 // episodes  # us; one ends before the next begins
        for number in range(episodes):
            start = number * slot + self._rng.randrange(slot - 90_000_000)
            self._episode(self._clock.now_ns + start * 1000)

    def _episode(self, at: int) -> None:
        if self._rng.random() < 0.5:
            name = f"button{self._rng.randrange(5)}"
            self._edge(at, name, True, RecordType.response)
            self._edge(at + self._ms(100, 400), name, False, None)
            return
        self._edge(at, "lid", True, RecordType.lid_opened)
        beam = f"beam{self._rng.randrange(1, 5)}"
        self._edge(at + self._ms(500, 2000), beam, True, RecordType.dose)
        self._edge(at + self._ms(2500, 4000), beam, False, RecordType.dose_end)
        self._edge(at + self._ms(5000, 9000), "lid", False, RecordType.lid_closed)

    def _ms(self, low: int, high: int) -> int:
        return self._rng.randrange(low * 1000, high * 1000) * 1000

    def _edge(self, at: int, name: str, active: bool, kind: RecordType | None) -> None:
        def touch() -> None:
            t = self._bench.board.set_input(name, active)
            if kind:
                self.truth.append((t, kind))

        self._clock.call_at(at, touch)
