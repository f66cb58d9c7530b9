"""How soon the gateway is ready: from its first import, without the start of the interpreter."""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sim.certificates import make_pki
from tests.bench.figures import Figure
from tests.support.gateway import GATEWAY, ROOT

_ROUNDS = 7


def figures() -> Iterator[Figure]:
    """Start it several times; medians. The broker is away: READY does not wait for it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = _config(folder)
        bare = statistics.median(_interpreter() for _ in range(_ROUNDS))
        rounds = [_ready(folder, config) for _ in range(_ROUNDS)]
    ready, end = (statistics.median(times) for times in zip(*rounds, strict=True))
    yield Figure("interpreter alone", bare * 1000, "ms")
    yield Figure("READY after the first import", (ready - bare) * 1000, "ms", most=500)
    yield Figure("end after SIGTERM", end * 1000, "ms", most=2000)


def _config(folder: Path) -> Path:
    pki = make_pki(folder, [GATEWAY])
    own = pki.gateways[GATEWAY]
    path = folder / "gateway.toml"
    path.write_text(
        f'[gateway]\nid = "{GATEWAY}"\ndata = "{folder / "data"}"\n'
        f'[[dispenser]]\nport = "{folder / "port"}"\n'
        f'[uplink]\nhost = "127.0.0.1"\nport = 9\nca = "{pki.ca}"\ncert = "{own.cert}"\n'
        f'key = "{own.key}"\n'
    )
    return path


def _interpreter() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began


def _ready(folder: Path, config: Path) -> tuple[float, float]:
    """Return seconds from its start until READY, and from SIGTERM until its end."""
    address = folder / "notify"
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.settimeout(10)
        began = time.perf_counter()
        command = [sys.executable, "-m", "gateway.cli", "run", "--config", str(config)]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"NOTIFY_SOCKET": str(address)},
            stderr=subprocess.DEVNULL,
        )
        try:
            while systemd.recv(100) != b"READY=1":
                pass
            ready = time.perf_counter() - began
            process.terminate()
            process.wait(5)
            return ready, time.perf_counter() - began - ready
        finally:
            process.kill()
            process.wait(5)
