"""The firmware against the stubs of the board's MicroPython: modules, names, arguments."""

import ast
import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.micropython import FIRMWARE

STUBS = ("micropython-rp2-rpi-pico-stubs", "micropython-stdlib-stubs")
# what the stock image of the Pico has, as asked of it at its prompt
PRESENT = {
    "array", "asyncio", "binascii", "collections", "cryptolib", "deflate", "errno", "framebuf",
    "gc", "hashlib", "heapq", "io", "json", "machine", "micropython", "neopixel", "onewire", "os",
    "platform", "random", "re", "rp2", "select", "struct", "sys", "time", "uctypes", "vfs",
}  # fmt: skip
APP = sorted((FIRMWARE / "dispenser").rglob("*.py"))


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the stubs alone: beside them lie modules that the board has not."""
    folder = tmp_path_factory.mktemp("stubs")
    for name in STUBS:
        for file in importlib.metadata.files(name) or []:
            if file.suffix == ".pyi" or file.name == "VERSIONS":
                target = folder / str(file)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target)
    (folder / "stubs" / "mypy-extensions").mkdir(parents=True, exist_ok=True)
    return folder


def complaints(stubs: Path, *what: str, beside: Path = FIRMWARE) -> list[str]:
    """Return what mypy says of the firmware; what it says of the stubs themselves is theirs."""
    command = [
        str(Path(sys.executable).with_name("mypy")), "--config-file", str(FIRMWARE / "mypy.ini"),
        "--custom-typeshed-dir", str(stubs), "--cache-dir", str(stubs / "cache"), *what,
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=beside, timeout=80,
        env={"MYPYPATH": f"{stubs}:{FIRMWARE}"},
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    said = [line for line in done.stdout.splitlines() if ": error: " in line]
    return [line for line in said if not line.startswith(str(stubs))]


def test_the_firmware_uses_what_the_board_has_as_it_has_it(stubs: Path) -> None:
    assert complaints(stubs, "-p", "dispenser") == []
    assert complaints(stubs, "boot.py", "main.py") == []


@pytest.mark.parametrize(
    "wrong",
    [
        "from machine import Pin\nPin(2, Pin.INPUT)",
        "from machine import WDT\nWDT(0, 8000, 1)",
        "from time import sleep_sec",
        "import machine\nmachine.deep_sleep()",
        "import hmac",
        "from dispenser import wire\nwire.MESSAGE_NOTHING",
        "from dispenser.slots import Slots\nSlots(1)",
    ],
)
def test_what_the_board_has_not_would_be_noticed(stubs: Path, tmp_path: Path, wrong: str) -> None:
    (tmp_path / "wrong.py").write_text(
        f"def use():\n    {wrong.replace(chr(10), chr(10) + '    ')}"
    )
    assert complaints(stubs, "wrong.py", beside=tmp_path)


@pytest.mark.parametrize("file", [*APP, FIRMWARE / "boot.py", FIRMWARE / "main.py"], ids=str)
def test_only_modules_of_the_board_are_imported(file: Path) -> None:
    tree = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    names: set[str] = set()
    for node in tree:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    assert names <= PRESENT | {"dispenser"}
