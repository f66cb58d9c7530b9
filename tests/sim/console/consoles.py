"""A console as a process, for tests that look at it in a browser."""

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect

from sim import child
from sim.stored import rows
from tests.support.browser import Browser

READY = "reads dispenser"
MADE_WITHIN_MS = 120_000
"""A loaded machine takes its time to flash and make dispensers."""


@dataclass(frozen=True)
class Console:
    """A running console: its address, and the folder with the runs of its worlds."""

    address: str
    runs: Path
    pid: int

    @property
    def run(self) -> Path:
        """The folder of its newest world."""
        return max(self.runs.glob("2*"))  # its name begins with the time


@contextlib.contextmanager
def consoles(runs: Path, *words: str, cache: Path | None = None) -> Iterator[Console]:
    """Run one; nothing is left running. `cache`: folder where a flashed image may be."""
    runs.mkdir(exist_ok=True)
    if cache is not None:
        cache.mkdir(exist_ok=True)
        (runs / ".factory").symlink_to(cache)
    command = child.dosewire("sim", "console", "--port", "0", "--seed", "5", "--no-show",
                             "--runs", str(runs), *words)  # fmt: skip
    # NiceGUI looks for pytest's variables and then wants to be its plugin
    env = {name: word for name, word in os.environ.items() if not name.startswith("PYTEST")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert process.stdout is not None
        told = next(line for line in process.stdout if "http://" in line)
        address = re.search(r"http://\S+", told)
        assert address is not None
        yield Console(address.group(), runs, process.pid)
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=90)
        assert process.returncode in (0, 130), said
    left = subprocess.run(["pgrep", "-f", str(runs)], capture_output=True, text=True, check=False)
    assert left.stdout == ""


def until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for what is looked at from outside the browser."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"no {what}"
        time.sleep(0.05)


def stored(run: Path, kind: int) -> int:
    """How many records of a type the store holds; none before it was made."""
    return sum(number == kind for (number,) in rows(run / "store.db", "records", ("type",)))


def ready(view: Browser, address: str) -> Page:
    """Open the page and wait until the gateway reads."""
    view.page.goto(address)
    expect(view.page.locator(".words")).to_contain_text(READY, timeout=MADE_WITHIN_MS)
    return view.page
