"""What a chip's pins can do, and which pin of the header is which."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Chip:
    """A microcontroller; sources of the numbers are in its file."""

    name: str
    gpio: int
    adc: list[int]
    pwm_slices: int
    i2c_sda: list[list[int]]
    pull_down_reliable: bool
    watchdog: int

    def slice(self, pin: int) -> int:
        """Return the PWM slice of a pin."""
        return pin // 2 % self.pwm_slices


@cache
def chips() -> dict[str, Chip]:
    """Every known chip by name."""
    tables = [_read(path) for path in sorted((HERE / "chips").glob("*.toml"))]
    known = [msgspec.convert(table, Chip) for table in tables]
    return {chip.name: chip for chip in known}


@cache
def headers() -> dict[str, list[int | str]]:
    """Every known header by name: what its pins are, from pin 1 on."""
    paths = sorted((HERE / "headers").glob("*.toml"))
    return {path.stem: msgspec.convert(_read(path)["pins"], list[int | str]) for path in paths}


def _read(path: Path) -> dict[str, object]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
