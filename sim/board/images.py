"""The non-volatile files of a board's folder: flash, EEPROM, and what the coin cell keeps."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from sim.board import control

EEPROM_SIZE = 4096
EPOCH_2000_NS = 946_684_800 * 10**9


def create(folder: Path, flash_size: int, now_ns: int) -> None:
    """Make what is missing: erased flash and EEPROM, and an RTC that begins to run now.

    `now_ns`: the world's time, since 1970. Raises ValueError when an image has another size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in (("flash.img", flash_size), ("eeprom.bin", EEPROM_SIZE)):
        path = folder / name
        if not path.exists():
            path.write_bytes(b"\xff" * size)
        if path.stat().st_size != size:
            raise ValueError(f"{path} has {path.stat().st_size} bytes, the board needs {size}")
    if not (folder / "rtc.bin").exists():
        (folder / "rtc.bin").write_bytes(_new_rtc(now_ns))


def _new_rtc(now_ns: int) -> bytes:
    # DS3231 datasheet, table "power-on state": 2000-01-01, control 1Ch, status 88h (OSF set), 25 C
    registers = bytearray(12)
    registers[0x0E - control.RTC_FIRST_REGISTER] = 0x1C
    registers[0x0F - control.RTC_FIRST_REGISTER] = 0x88
    registers[0x11 - control.RTC_FIRST_REGISTER] = 0x19
    return struct.pack(control.RTC_OFFSET, -now_ns) + bytes(registers) + bytes(2)


def set_rtc_offset(folder: Path, seconds: float) -> None:
    """Let the DS3231 show the host's clock (UTC) plus `seconds`."""
    offset = round(seconds * 1e9) - EPOCH_2000_NS
    _patch(folder, 0, struct.pack(control.RTC_OFFSET, offset))


def rtc_offset(folder: Path) -> float:
    """Seconds by which the DS3231 is ahead of the host's clock."""
    data = (folder / "rtc.bin").read_bytes()
    return float(struct.unpack_from(control.RTC_OFFSET, data)[0] + EPOCH_2000_NS) / 1e9


def stop_oscillator(folder: Path) -> None:
    """Set the oscillator-stop flag, as after a flat coin cell."""
    status = (folder / "rtc.bin").read_bytes()[control.RTC_STATUS_AT]
    _patch(folder, control.RTC_STATUS_AT, bytes([status | control.RTC_OSF]))


def _patch(folder: Path, at: int, data: bytes) -> None:
    descriptor = os.open(folder / "rtc.bin", os.O_WRONLY)
    try:
        os.pwrite(descriptor, data, at)
    finally:
        os.close(descriptor)
