"""The pages beside `dosewire backend run`: they come with it, and go with it, however it ends."""

import os
import shutil
import signal
import socket
import time
import urllib.request

import pytest

from sim.backend.pages.cohort import LEDGER, REGISTRY, STORE
from sim.certificates import make_pki
from tests.sim.backend.pages.serving import free_port
from tests.sim.backend.processes import Process, configure

pytestmark = pytest.mark.slow
WITHIN = 60


@pytest.fixture
def process(tmp_path, cohort):
    for name in (STORE, LEDGER, REGISTRY):
        shutil.copy(cohort / name, tmp_path / name)
    make_pki(tmp_path / "pki", ["gw-1"])
    port = free_port()
    config = configure(tmp_path, free_port())
    config.write_text(config.read_text() + f'[pages]\nport = {port}\nledger = "{LEDGER}"\n')
    made = Process(tmp_path)
    made.port = port
    yield made
    made.close()


def answers(port: int) -> bool:
    try:
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read().decode()
    except OSError:
        return False
    return "Site north" in page


def gone(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def until(condition, told) -> None:
    end = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < end, told()
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_pages_come_and_go_with_the_backend(process, number, monkeypatch):
    # NiceGUI looks for pytest's variables and then wants to be its plugin
    for name in [name for name in os.environ if name.startswith("PYTEST")]:
        monkeypatch.delenv(name)
    process.start()
    until(lambda: answers(process.port), process.log.read_text)
    process.end(number)
    until(lambda: gone(process.port), process.log.read_text)
