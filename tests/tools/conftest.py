import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.desk import Desk, Recorder, built, copied, desks, sources
from tools.flash import flash
from tools.provision import provision
from tools.vault import Vault


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No key of the user is used, none is left behind."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def bench(tmp_path):
    """A switched-on emulated board of its own process; gives the path of its port."""
    command = [sys.executable, "-m", "sim.board", str(tmp_path / "board"), "--name", "bench"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    yield line.split()[-1]
    process.terminate()
    process.wait(10)
    process.stdout.close()


@pytest.fixture(scope="session")
def old():
    """Release 0.1.0, as the sources are."""
    return built()


@pytest.fixture(scope="session")
def new(tmp_path_factory):
    """Release 0.2.0."""
    return built(sources(tmp_path_factory.mktemp("new") / "firmware", (0, 2, 0)))


@pytest.fixture(scope="session")
def flashed(tmp_path_factory, old) -> Path:
    """Images of a board that was flashed when it was stock and empty."""
    folder = tmp_path_factory.mktemp("flashed")
    with desks(folder) as (desk,):
        flash(desk.port, old, Recorder())
    return folder


@pytest.fixture(scope="session")
def provisioned(tmp_path_factory, flashed) -> Path:
    """Images of a provisioned board; registry.json beside them."""
    folder = copied(flashed, tmp_path_factory.mktemp("provisioned"))
    with desks(folder) as (desk,):
        provision(desk.port, Vault(folder / "registry.json"))
    return folder


@pytest.fixture
def desk(tmp_path, provisioned) -> Desk:
    """A provisioned board with release 0.1.0, switched on."""
    with desks(copied(provisioned, tmp_path / "desk")) as (desk,):
        yield desk
