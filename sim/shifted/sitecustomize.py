"""Python reads this before any program (module `site`): civil time is another than the host's."""

import mmap
import os
import struct
import time
from collections.abc import Callable

CLOCK_OFFSET = "DOSEWIRE_SIM_CLOCK_OFFSET"
"""Environment: seconds by which civil time is ahead."""
CLOCK_FILE = "DOSEWIRE_SIM_CLOCK_FILE"
"""Environment: a file with ns by which civil time is ahead (int64, little-endian), read anew at
every look at the clock."""


def offset() -> float:
    """Return the seconds by which this process's civil time is ahead."""
    return float(os.environ.get(CLOCK_OFFSET, 0))


def _ahead() -> Callable[[], int]:
    path = os.environ.get(CLOCK_FILE)
    if not path:
        fixed = round(offset() * 1e9)
        return lambda: fixed
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib is a heavy import for every program
        memory = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    return lambda: int(struct.unpack("<q", memory)[0])


def _shift() -> None:
    real_ns, ahead = time.time_ns, _ahead()
    time.time_ns = lambda: real_ns() + ahead()
    time.time = lambda: (real_ns() + ahead()) / 1e9


if __name__ == "sitecustomize":
    _shift()
