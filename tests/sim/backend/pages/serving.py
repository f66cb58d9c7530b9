"""The real command serving the pages of a folder."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from sim.backend.pages.cohort import LEDGER, STORE


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def served(folder: Path, within: float = 60, config: Path | None = None):
    """The address of the pages of a folder, or configuration, once every patient was looked at."""
    port = free_port()
    command = [sys.executable, "-m", "sim.backend.cli", "pages", "--port", str(port)]
    if config is None:
        command += ["--store", str(folder / STORE), "--ledger", str(folder / LEDGER)]
    else:
        command += ["--config", str(config)]
    # NiceGUI looks for pytest's variables and then wants to be its plugin
    env = {name: word for name, word in os.environ.items() if not name.startswith("PYTEST")}
    with (folder / "pages.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env)
    try:
        base = f"http://127.0.0.1:{port}"

        def ready() -> bool:
            assert process.poll() is None, (folder / "pages.log").read_text()
            with contextlib.suppress(OSError):
                page = urllib.request.urlopen(base + "/", timeout=5).read().decode()
                return "Reading the store" not in page
            return False

        end = time.monotonic() + within
        while not ready():
            assert time.monotonic() < end, "never ready"
            time.sleep(0.1)
        yield base
        process.terminate()
        assert process.wait(20) == 0, (folder / "pages.log").read_text()
    finally:
        process.kill()
        process.wait()
