"""Virtual days of a patient who does everything, on a board whose journal is full and overwritten.

Only the flash's erases take time here; the processor has none to lose.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Figure
from tests.firmware.lateness import percentile
from tests.firmware.living import live

_DAYS = 2
_SEED = 89


def figures(
    folder: Path, erase_ms: int, most_p99: float | None, most: float | None
) -> Iterator[Figure]:
    """Play them on a new board in an empty folder."""
    lived = asyncio.run(live(folder, _DAYS, _SEED, erase_ms))
    name = f"{erase_ms} ms erases, {_DAYS} virtual days, journal full"
    heap = f"of 240 kB, {name}"
    yield Figure(f"heap free after collection, {heap}", lived.free_kib, "KiB", least=117.2)
    yield Figure(f"heap free at its peak, {heap}", lived.least_kib, "KiB")
    yield Figure(f"feed late by, {name}: p99", percentile(lived.late, 0.99), "ms", most=most_p99)
    yield Figure(f"feed late by, {name}: max", max(lived.late), "ms", most=most)
    yield Figure(f"records missing or unexplained, {name}", len(lived.wrong), "", most=0)
    yield Figure(f"resets, {name}", len(lived.resets), "", most=0)
