"""What set-up does on machines where something is missing; nothing is installed here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PRINTS = """#!/bin/sh
echo "$0 $*" >> {log}
"""


@pytest.fixture
def machine(tmp_path):
    """A PATH of its own: `id` says who we are, apt-get only notes that it was called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    log = tmp_path / "called"

    def make(name, text):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)

    make("apt-get", PRINTS.format(log=log))
    # of a machine without sudo and without ensurepip, but with mosquitto and strace
    for program in ("mosquitto", "strace"):
        make(program, PRINTS.format(log=log))
    make("id", "#!/bin/sh\necho 1000\n")
    make(
        "python3",
        '#!/bin/sh\ncase "$*" in *ensurepip*|"-m venv"*) exit 7;; esac\n'
        f'exec {sys.executable} "$@"\n',
    )

    def setup(python="python3"):
        return subprocess.run(
            ["/bin/sh", ROOT / "tools" / "setup.sh", python, tmp_path / "venv"],
            capture_output=True, text=True, check=False, timeout=60,
            env={**os.environ, "PATH": str(folder)},
        )  # fmt: skip

    return setup, make, log


def test_without_root_or_sudo_the_apt_line_is_printed_and_nothing_done(machine, tmp_path):
    setup, _, log = machine
    done = setup()
    assert done.returncode == 2
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    assert done.stderr.splitlines() == [
        f"setup: missing {package}; install that as root, then try again:",
        f"  apt-get update && apt-get install -y --no-install-recommends {package}",
    ]
    assert not log.exists() and not (tmp_path / "venv").exists()


def test_as_root_it_says_what_it_installs(machine):
    setup, make, log = machine
    make("id", "#!/bin/sh\necho 0\n")
    done = setup()
    # there still is no ensurepip: it ends where it needs one
    assert done.returncode == 7
    assert "setup: installing system packages: python3." in done.stdout
    assert "install -y -qq --no-install-recommends python3." in log.read_text()


@pytest.mark.parametrize("python", ["python2", "/nonexistent/python3"])
def test_a_python_that_is_none_is_said(machine, python):
    setup, make, _ = machine
    make("python2", "#!/bin/sh\nexit 1\n")
    done = setup(python)
    assert done.returncode == 2
    assert "make PYTHON=python3.12" in done.stderr
