"""The command finds who answers and says what to install, in one line."""

import subprocess
import sys

import pytest

WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {missing!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Missing())
from tools.main import main
sys.exit(main({words!r}))
"""


def dosewire(*words, missing=()):
    code = WITHOUT.format(words=list(words), missing=set(missing))
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )


def test_the_gateway_needs_nothing_but_its_own_extra():
    others = ("typer", "rich", "mpremote", "cryptography", "sqlalchemy", "littlefs")
    done = dosewire("gateway", "run", "--help", missing=others)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--config" in done.stdout


@pytest.mark.parametrize(
    ("words", "missing", "extra"),
    [
        (["gateway", "run", "--config", "x"], ["paho"], "gateway"),
        (["flash", "--port", "x"], ["typer"], "tools"),
        (["flash", "--port", "x"], ["mpremote"], "tools"),
        (["provision", "--port", "x", "--registry", "y"], ["mpremote"], "tools"),
        (["backend", "run", "--config", "x"], ["sqlalchemy"], "sim"),
    ],
)
def test_a_missing_extra_is_one_line_that_says_what_to_install(words, missing, extra):
    done = dosewire(*words, missing=missing)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert missing[0] in line
    assert f"dosewire[{extra}]" in line


def test_without_words_it_lists_its_commands():
    done = dosewire()
    assert all(
        word in done.stdout + done.stderr for word in ("flash", "provision", "gateway", "sim")
    )


def test_no_board_is_one_line(tmp_path):
    done = dosewire("flash", "--port", str(tmp_path / "none"))
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1


def test_no_firmware_is_one_line(tmp_path):
    done = dosewire("flash", "--port", "x", "--firmware", str(tmp_path))
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert "boot.py" in line


INTERRUPTED = """
import sys
class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, CtrlC())
from tools.main import main
sys.exit(main(["sim", "list"]))
"""


def test_ctrl_c_while_it_loads_is_one_line():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")
