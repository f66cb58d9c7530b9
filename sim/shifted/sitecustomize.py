"""Python reads this before any program (module `site`): civil time is off by CLOCK_OFFSET."""

import os
import time

CLOCK_OFFSET = "DOSEWIRE_SIM_CLOCK_OFFSET"
"""Environment: seconds by which civil time is ahead."""


def offset() -> float:
    """Return the seconds by which this process's civil time is ahead."""
    return float(os.environ.get(CLOCK_OFFSET, 0))


def _shift() -> None:
    seconds, real, real_ns = offset(), time.time, time.time_ns
    time.time = lambda: real() + seconds
    time.time_ns = lambda: real_ns() + round(seconds * 1e9)


if __name__ == "sitecustomize":
    _shift()
