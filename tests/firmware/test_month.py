"""Days of a patient who does everything, in virtual time: each stimulus a record, no other one."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.firmware.lateness import percentile
from tests.firmware.living import Lived, live

SEED = int(os.environ.get("SEED", "89"))
FREE_KIB = 120_000 / 1024
"""After a collection; of this the probe that counts late feeds takes some."""
LEAST_KIB = 90
"""Before one: how much is not yet collected is by chance, at most about a tenth of the heap."""


def run(folder: Path, days: int, erase_ms: int) -> Lived:
    lived = asyncio.run(live(folder, days, SEED, erase_ms))
    late = [percentile(lived.late, share) for share in (0.5, 0.99, 1)]
    print(f"seed {SEED}, {days} days, {erase_ms} ms erases: {dict(lived.done)}")
    print(f"{lived.held} records held before; {lived.records} since, {lived.undecided} undecided")
    print(f"heap free {lived.free_kib:.1f} KiB, {lived.least_kib:.1f} before a collection")
    print(f"feeds late by {late} ms")
    print(f"held up for at most {lived.held_up} ms")
    assert lived.held >= 10_000
    assert lived.free_kib >= FREE_KIB and lived.least_kib >= LEAST_KIB
    assert lived.resets == []
    # a short reach between two pulses, and what a cut strikes: one record each
    assert lived.undecided <= 3 * days
    assert not lived.wrong, f"{len(lived.wrong)} differences\n" + "\n".join(lived.wrong[:40])
    return lived


def check_feeds(lived: Lived) -> None:
    assert percentile(lived.late, 0.99) <= 100 and max(lived.late) <= 250, lived.late
    assert lived.held_up <= 250


@pytest.mark.slow
def test_two_days_of_a_patient_who_does_everything(tmp_path: Path) -> None:
    check_feeds(run(tmp_path, 2, 45))


@pytest.mark.soak
@pytest.mark.timeout(2400)
def test_thirty_days_of_a_patient_who_does_everything(tmp_path: Path) -> None:
    check_feeds(run(tmp_path, 30, 45))


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_week_with_a_flash_that_erases_slowly(tmp_path: Path) -> None:
    """Nothing is lost and nothing resets; how late it may feed then has no bound but the reset."""
    run(tmp_path, 7, 400)
