import subprocess
import sys

import pytest


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
