"""Processes that belong to a folder."""

import time
from collections.abc import Callable
from pathlib import Path

_WITHIN_S = 90.0


def until(condition: Callable[[], bool]) -> None:
    """Return when it holds; fails after a long while."""
    end = time.monotonic() + _WITHIN_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def using(folder: Path) -> list[str]:
    """Return the pids of all processes that name a folder in their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words:
            found.append(entry.parent.name)
    return found
