"""Whether another process runs: who was woken is seen to run before it has done anything."""

import os
from pathlib import Path

# proc(5), state: also one that cannot be disturbed, or that somebody has stopped for a while
_RUNS = "RDTt"


def all_sleep(pid: int) -> bool:
    """Tell whether every thread of a process waits for something; so does one that is gone."""
    tasks = f"/proc/{pid}/task"
    try:
        return not any(_state(f"{tasks}/{task}/stat") in _RUNS for task in os.listdir(tasks))  # noqa: PTH208
    except OSError:
        return True


def _state(stat: str) -> str:
    return Path(stat).read_text().rpartition(")")[2].split()[0]
