"""A board in BOOTSEL mode: a drive that takes a UF2 image (Microsoft's UF2 specification).

RP2040 datasheet, 2.8.4: the drive is called RPI-RP2 and holds INFO_UF2.TXT; a whole image written
to it is flashed, and the board restarts.
"""

import hashlib
import os
import string
import struct
import sys
from pathlib import Path

from tools.exits import Exit, ToolError
from tools.port import RASPBERRY_PI

HOW = (
    "get MicroPython's image for it, and run `dosewire flash --uf2 FILE` "
    "(--sha256 as its page says; --drive where it is mounted)"
)
_SIGN = "INFO_UF2.TXT"
_BOOTSEL = {0x0003, 0x000F}
"""USB products of the boot ROM: RP2040, RP2350."""
_BLOCK = 512
_HEAD = struct.Struct("<IIIIIIII")
_MAGIC = (0x0A324655, 0x9E5D5157)
_END = struct.pack("<I", 0x0AB16F30)
_HAS_FAMILY = 0x2000
_RP2040 = 0xE48BFF56
_LARGEST = 16 << 20


def find_drive() -> Path | None:
    """Return the first mounted BOOTSEL drive, None without one."""
    return next((path for path in _mounts() if (path / _SIGN).is_file()), None)


def waiting(root: Path = Path("/sys/bus/usb/devices")) -> bool:
    """Tell whether a board in BOOTSEL mode is on USB, mounted or not (Linux)."""
    wanted = {f"{RASPBERRY_PI:04x}:{product:04x}" for product in _BOOTSEL}
    return any(
        f"{_text(path)}:{_text(path.with_name('idProduct'))}" in wanted
        for path in root.glob("*/idVendor")
    )


def check(data: bytes) -> None:
    """Raise ToolError unless this is a whole UF2 image for the RP2040."""
    if not data or len(data) % _BLOCK or len(data) > _LARGEST:
        raise ToolError(f"{len(data)} bytes are no UF2 image: fetch it again", Exit.BOOTSEL)
    count = len(data) // _BLOCK
    for number in range(count):
        block = data[number * _BLOCK : (number + 1) * _BLOCK]
        magic, second, flags, _, _, index, total, family = _HEAD.unpack_from(block)
        if (magic, second) != _MAGIC or block[-4:] != _END or (index, total) != (number, count):
            raise ToolError(f"block {number} is no UF2: fetch the image again", Exit.BOOTSEL)
        if not flags & _HAS_FAMILY or family != _RP2040:
            raise ToolError("the image is not for the RP2040: take the Pico's", Exit.BOOTSEL)


def write(image: Path, sha256: str | None, drive: Path) -> None:
    """Check an image and copy it to the drive; raises ToolError, then nothing was written."""
    if not (drive / _SIGN).is_file():
        raise ToolError(f"{drive}: no BOOTSEL drive: hold BOOTSEL, plug in", Exit.BOOTSEL)
    try:
        data = image.read_bytes()
    except OSError as error:
        raise ToolError(f"{image}: {error.strerror}", Exit.USAGE) from error
    wanted = (sha256 or _beside(image)).lower()
    if hashlib.sha256(data).hexdigest() != wanted:
        told = f"SHA-256 is not {wanted[:16]}...: fetch it again"
        raise ToolError(f"{image}: {told}", Exit.BOOTSEL)
    check(data)
    try:
        with (drive / image.name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        told = f"{error.strerror}: hold BOOTSEL, plug in, run this again"
        raise ToolError(f"{drive}: {told}", Exit.BOOTSEL) from error


def _beside(image: Path) -> str:
    try:
        return image.with_name(image.name + ".sha256").read_text(encoding="ascii").split()[0]
    except (OSError, ValueError, IndexError):
        told = "give --sha256 HEX as the image's page says, or put it into FILE.sha256"
        raise ToolError(f"{image}: nothing to check it against: {told}", Exit.BOOTSEL) from None


def _mounts() -> list[Path]:
    if sys.platform == "win32":
        return [Path(f"{letter}:/") for letter in string.ascii_uppercase]
    if sys.platform == "darwin":
        return sorted(Path("/Volumes").glob("*"))
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    # spaces stand as \040 there (proc(5)); no board's drive has one
    return [Path(line.split()[1]) for line in lines if line.split()[2] == "vfat"]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
