"""Whole runs in virtual time: the same bytes from the same seed, and months of them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from protocol import schema
from sim.clock import VirtualClock
from tests.sim.board.bench import Bench
from tests.sim.board.virtual import Patient, journal, lines, set_up

WORKLOAD = """
import os, random, time, machine
try:
    boot = int(open("boots").read()) + 1
except OSError:
    boot = 1
with open("boots", "w") as f:
    f.write(str(boot))
for n in range(60):
    with open("log%d" % random.randrange(4), "ab") as f:
        f.write(os.urandom(random.randrange(1, 300)))
    time.sleep_ms(random.randrange(5000))
    if boot == 1 and n == 30:
        machine.reset()
print("over", boot)
while True:
    time.sleep(1)
"""


def test_the_same_seed_stores_the_same_bytes(in_virtual_time: Callable[..., None]) -> None:
    """Through a reset, a cut inside a write and a restart."""
    images: dict[str, tuple[str, bytes]] = {}

    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        await clock.run_until(lambda: bench.board.boots == 2, within_s=1000)
        await clock.advance(20)
        await bench.board.cut_at(25, 77)
        await clock.run_until(lambda: bench.board.state == "off", within_s=1000)
        assert len(bench.board.cuts) == 1
        await clock.advance(3600)
        await bench.board.power_on()
        await clock.run_until(lambda: b"over 3" in bench.console, within_s=1000)
        await bench.board.power_cut()
        image = (bench.folder / "flash.img").read_bytes()
        images[bench.folder.name] = hashlib.sha256(image).hexdigest(), bench.console

    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        in_virtual_time(scenario, WORKLOAD, folder=name, seed=seed)
    assert images["one"] == images["two"]
    assert images["one"][0] != images["other"][0]


def play(folder: Path, hours: int, episodes: int) -> tuple[str, float]:
    """The firmware for so many hours and episodes; digest of its flash, seconds it took."""

    async def whole() -> tuple[str, float]:
        clock = VirtualClock()
        bench = Bench(folder / "board", clock=clock, seed=20, on_output=None)
        try:
            await set_up(bench, clock, folder / "scratch")
            patient = Patient(bench, clock, seed=20)
            patient.plan(hours, episodes)
            began = time.monotonic()
            await clock.advance(hours * 3600 + 60)
            took = time.monotonic() - began
            await bench.board.power_cut()
            assert [end.cause for end in bench.board.exits] == ["power cut", "power cut"]
            check(bench, patient)
            image = (bench.folder / "flash.img").read_bytes()
            return hashlib.sha256(image).hexdigest(), took
        finally:
            await bench.board.close()

    return asyncio.run(whole())


def check(bench: Bench, patient: Patient) -> None:
    """Every stimulus is a record, in order, and its time is true."""
    kinds = {kind for _, kind in patient.truth}
    records = [record for record in journal(bench) if record.type in kinds]
    assert [record.type for record in records] == [kind for _, kind in patient.truth]
    for record, (t, _) in zip(records, patient.truth, strict=True):
        ms = (record.time + schema.TIME_BASE) * 1000 + record.stamp % 1024
        assert abs(ms - t // 10**6) <= 2, record


@pytest.mark.slow
def test_the_firmware_stores_true_times_and_the_same_bytes_twice(tmp_path: Path) -> None:
    assert play(tmp_path / "1", 1, 15)[0] == play(tmp_path / "2", 1, 15)[0]


@pytest.mark.soak
def test_thirty_days_of_the_firmware(tmp_path: Path) -> None:
    """Past two wraps of the ticks."""
    _, took = play(tmp_path, 30 * 24, 30 * 20)
    print(f"30 days of the firmware took {took:.0f} s")


ONCE_A_MINUTE = """
import asyncio
from machine import Pin
count = 0
def touched(pin):
    global count
    count += 1
Pin({pin}, Pin.IN).irq(touched)
async def main():
    for minute in range(30 * 24 * 60):
        await asyncio.sleep(60)
    print("month", minute + 1, count)
asyncio.run(main())
"""


@pytest.mark.slow
def test_a_month_of_minutes_takes_seconds(in_virtual_time: Callable[..., None]) -> None:
    async def scenario(bench: Bench, clock: VirtualClock) -> None:
        pin = bench.board.hardware.inputs["lid"].pin
        bench.install(main=ONCE_A_MINUTE.format(pin=pin))
        await bench.board.power_on()
        for number in range(600):
            touch = lambda n=number: bench.board.set_input("lid", n % 2 == 0) and None  # noqa: E731
            clock.call_later(number * 86400 / 20 + 1, touch)
        used = os.times()
        await clock.advance(30 * 86400 + 1)
        assert lines(bench, b"month") == [[43_200, 600]]
        assert bench.board.pid
        fields = Path(f"/proc/{bench.board.pid}/stat").read_text().rpartition(")")[2].split()
        board = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        assert board + sum(os.times()[:2]) - sum(used[:2]) <= 20

    in_virtual_time(scenario)
