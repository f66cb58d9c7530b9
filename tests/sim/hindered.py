"""A machine with too much else to do: processes that stand still now and then, for no reason."""

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

LASTS_S = (*(0.001, 0.02, 0.05) * 6, 3.0)
"""At most: mostly as long as others have the processor, seldom longer than a time-out."""
APART_S = 0.15


@contextlib.contextmanager
def hindered(seed: int) -> Iterator[list[int]]:
    """Stop one of our descendants after the other meanwhile (SIGSTOP); gives whom, as it grows."""
    rng = random.Random(seed)
    over = threading.Event()
    stopped: list[int] = []

    def hinder() -> None:
        while not over.wait(rng.uniform(0, APART_S)):
            if everybody := descendants(os.getpid()):
                _stop(rng.choice(everybody), rng.random() * rng.choice(LASTS_S), stopped)

    thread = threading.Thread(target=hinder)
    thread.start()
    try:
        yield stopped
    finally:
        over.set()
        thread.join()


def _stop(pid: int, seconds: float, stopped: list[int]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        stopped.append(pid)
        os.kill(pid, signal.SIGCONT)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that these have, sorted."""
    children = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            children += map(int, (task / "children").read_text().split())
    return sorted([*children, *(d for child in children for d in descendants(child))])
