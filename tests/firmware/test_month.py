"""Days of a patient who does everything, in virtual time: each stimulus a record, no other one."""

import asyncio
import time
from pathlib import Path

import pytest

from sim.clock import VirtualClock
from sim.expected import debounce_ms
from sim.expected.whole import whole_records
from sim.ledger import Power
from tests.firmware import month
from tests.sim.board.bench import Bench
from tests.sim.board.virtual import ID, SECRET, journal, set_up

SEED = 89


async def play(folder: Path, days: int, seed: int, erase_ms: int) -> list[str]:
    clock = VirtualClock()
    bench = Bench(folder / "board", clock=clock, seed=seed, on_output=None, erase_ms=erase_ms)
    try:
        await set_up(bench, clock, folder / "scratch")
        started = Power(clock.now_ns, month.NAME, "on")
        await clock.advance(60)
        await month.settle(bench, clock, bytes.fromhex(SECRET), bytes.fromhex(ID))
        before = clock.now_ns
        script, player = month.Days(seed), month.Player(bench, clock)
        player.entries.append(started)
        first = clock.start_ns // month.DAY * month.DAY
        for day in range(days):
            await player.play(script.day(first + day * month.DAY))
        end = first + days * month.DAY + 7 * month.HOUR
        await clock.advance_to(end)
        assert {ended.cause for ended in bench.board.exits} == {"power cut"}
        print(f"heap at its peak {bench.board.peak_heap_bytes / 2048:.0f} KiB of 240")
        await bench.board.power_cut()
        expected = whole_records(
            player.entries, month.NAME, debounce_ms(), month.SETTINGS, clock.now_ns
        )
        expected = [item for item in expected if item.t > before]
        records = [r for r in month.told(journal(bench)) if r.t > before]
        print(f"seed {seed}, {days} days: {dict(script.done)}")
        undecided = [item for item in expected if item.undecided]
        print(f"{len(records)} records, {len(undecided)} undecided")
        # a short reach between two pulses, and what a cut strikes: one record each
        assert len(undecided) <= 2 * days + days, undecided
        return month.differences(expected, records)
    finally:
        await bench.board.close()


def run(folder: Path, days: int, erase_ms: int = 45) -> None:
    began, cpu = time.monotonic(), time.process_time()
    wrong = asyncio.run(play(folder, days, SEED, erase_ms))
    print(f"{time.monotonic() - began:.0f} s, of this process {time.process_time() - cpu:.0f} s")
    assert not wrong, f"{len(wrong)} differences\n" + "\n".join(wrong[:40])


@pytest.mark.slow
def test_three_days_of_a_patient_who_does_everything(tmp_path: Path) -> None:
    run(tmp_path, 3)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_thirty_days_of_a_patient_who_does_everything(tmp_path: Path) -> None:
    run(tmp_path, 30)
