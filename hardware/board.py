"""Boards as data: the typed view of `hardware/boards/*.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hardware.parts import Battery, Part, Rail

BOARDS = Path(__file__).parent / "boards"
GPIO_COUNT = 30  # GPIO 0-29 of the RP2040, datasheet section 1.4.3
I2C_ADDRESSES = range(0x08, 0x78)  # 7-bit, without the reserved groups of NXP UM10204, 3.1.12

_T = TypeVar("_T")


class BoardError(ValueError):
    """A board description that cannot be used; the text names file and key."""


@dataclass(frozen=True)
class Flash:
    """File-system part of the flash: `blocks` erase blocks of `block_size` bytes."""

    block_size: int
    blocks: int

    @property
    def size(self) -> int:
        """Bytes in total."""
        return self.block_size * self.blocks


@dataclass(frozen=True)
class Input:
    """One digital input; `active` is the electrical level (0 or 1) of the noted state."""

    pin: int
    active: int
    pull_up: bool
    debounce_ms: int
    lit_by: str | None = None


@dataclass(frozen=True)
class I2c:
    """One I2C bus and the 7-bit address of each device on it."""

    id: int
    sda: int
    scl: int
    freq: int
    devices: dict[str, int]


@dataclass(frozen=True)
class Board:
    """One board: pins are GPIO numbers, sizes are in bytes.

    `machine` is what its stock image says of itself: `sys.implementation._machine`.
    """

    name: str
    chip: str
    header: str
    machine: str
    micropython: str
    flash: Flash
    inputs: dict[str, Input]
    outputs: dict[str, int]
    i2c: I2c
    battery: Battery
    functions: dict[str, str] = field(default_factory=dict)
    rails: dict[str, Rail] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    adc: dict[str, int] = field(default_factory=dict)
    dividers: dict[str, int] = field(default_factory=dict)
    internal: dict[str, int] = field(default_factory=dict)

    def pins(self) -> dict[str, int]:
        """Every used pin by name."""
        named = {name: part.pin for name, part in self.inputs.items()}
        bus = {"i2c.sda": self.i2c.sda, "i2c.scl": self.i2c.scl}
        return {**named, **self.outputs, **bus, **self.adc, **self.internal}


_MANY: tuple[tuple[str, type], ...] = (("inputs", Input), ("rails", Rail), ("parts", Part))
_ONE: tuple[tuple[str, type], ...] = (("flash", Flash), ("i2c", I2c), ("battery", Battery))


def names() -> list[str]:
    """Names of the boards that can be loaded."""
    return sorted(path.stem for path in BOARDS.glob("*.toml"))


def load(name: str) -> Board:
    """Board called `name`; raises BoardError when it is unknown or its file is wrong."""
    path = BOARDS / f"{name}.toml"
    if name not in names():
        raise BoardError(f"board {name!r} is unknown; known are: {', '.join(names())}")
    board = parse(path.read_text(encoding="utf-8"), path.name)
    if board.name != name:
        raise BoardError(f"{path.name}: name: is {board.name!r}, must be {name!r} like the file")
    return board


def parse(text: str, source: str) -> Board:
    """Board described by TOML `text`; raises BoardError naming `source` and the key.

    `like = "other"` begins with the tables of that board; what `text` names replaces them.
    """
    tables = _tables(text, source)
    for key, kind in _MANY:
        tables[key] = {
            name: _convert(table, kind, source, f"{key}.{name}")
            for name, table in _table(tables, key, source).items()
        }
    for key, kind in _ONE:
        tables[key] = _convert(_table(tables, key, source), kind, source, key)
    _known(tables, Board, source, "")
    board = _convert(tables, Board, source, "")
    _check(board, source)
    return board


def _tables(text: str, source: str) -> dict[str, Any]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BoardError(f"{source}: not TOML: {error}") from error
    like = tables.pop("like", None)
    if like is None:
        return tables
    if like not in names() or f"{like}.toml" == source:
        raise BoardError(f"{source}: like: {like!r} is no other board of {', '.join(names())}")
    path = BOARDS / f"{like}.toml"
    return _merged(_tables(path.read_text(encoding="utf-8"), path.name), tables)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {key: (base[key], over[key]) for key in base.keys() & over.keys()}
    deep = {
        key: _merged(old, new)
        for key, (old, new) in both.items()
        if isinstance(old, dict) and isinstance(new, dict)
    }
    return base | over | deep


def _table(tables: dict[str, Any], key: str, source: str) -> dict[str, Any]:
    value = tables.get(key)
    if not isinstance(value, dict):
        raise BoardError(f"{source}: {key}: a table is needed")
    return value


def _known(table: dict[str, Any], kind: type[Any], source: str, key: str) -> None:
    for name in table:
        if name not in kind.__dataclass_fields__:
            known = ", ".join(kind.__dataclass_fields__)
            where = f"{key}.{name}" if key else name
            raise BoardError(f"{source}: {where}: unknown key; allowed are: {known}")


def _convert(table: Any, kind: type[_T], source: str, key: str) -> _T:
    if isinstance(table, dict):
        _known(table, kind, source, key)
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise BoardError(f"{source}: {key or 'top level'}: {error}") from error


def _check(board: Board, source: str) -> None:
    for problem in (*_flash_problems(board), *_pin_problems(board), *_part_problems(board)):
        raise BoardError(f"{source}: {problem}")


def _flash_problems(board: Board) -> list[str]:
    size = board.flash.block_size
    problems = []
    if size < 256 or size & (size - 1):
        problems.append(f"flash.block_size: {size} is not a power of two from 256 on")
    if board.flash.blocks < 2:
        problems.append(f"flash.blocks: {board.flash.blocks} is less than the 2 littlefs needs")
    return problems


def _pin_problems(board: Board) -> list[str]:
    owner: dict[int, str] = {}
    problems = []
    for name, pin in board.pins().items():
        if not 0 <= pin < GPIO_COUNT:
            problems.append(f"{name}: pin {pin} is not one of 0-{GPIO_COUNT - 1}")
        if pin in owner:
            problems.append(f"{name}: pin {pin} is already used by {owner[pin]}")
        owner[pin] = name
    return problems


def _part_problems(board: Board) -> list[str]:
    problems = []
    for name, part in board.inputs.items():
        if part.active not in (0, 1):
            problems.append(f"inputs.{name}.active: {part.active} is not 0 or 1")
        if part.debounce_ms < 0:
            problems.append(f"inputs.{name}.debounce_ms: {part.debounce_ms} is negative")
        if part.lit_by is not None and part.lit_by not in board.outputs:
            problems.append(f"inputs.{name}.lit_by: {part.lit_by!r} is not an output")
    for name in board.functions:
        if name not in board.outputs:
            problems.append(f"functions.{name}: is not an output")
    for name, address in board.i2c.devices.items():
        if address not in I2C_ADDRESSES:
            problems.append(f"i2c.devices.{name}: {address:#x} is not within 0x08-0x77")
    for name, divider in board.dividers.items():
        if name not in board.adc or divider < 1:
            problems.append(f"dividers.{name}: must name an adc input and be at least 1")
    return problems
