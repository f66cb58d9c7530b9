"""A dispenser's journal, read whole over its port or from a flash image, and verified.

Saved as JSON Lines: a head (dispenser, epoch, where from), then each record with the tag before
it, as EVENTS carries them: `{"previous": hex, "raw": hex}`.
"""

import asyncio
import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from hardware import board as boards
from protocol import schema, wire
from protocol.chain import BlockKeys, root_key, verifies
from protocol.schema import Record, RecordType
from sim.backend.registry import Registry
from tools.exits import Exit, ToolError
from tools.session import Session

_FIRST = 12
"""Bytes at the head of each file of the journal: epoch and the tag before its first record."""
_WITHIN = 600.0


class Head(msgspec.Struct):
    """First line of a saved journal."""

    dispenser: str
    epoch: int
    source: str


class Line(msgspec.Struct):
    """One record, in hex."""

    previous: str
    raw: str


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """A record as it lay there, the tag before it, and whether the chain bears it out.

    `verified` is None if no key was given.
    """

    record: Record
    previous: bytes
    raw: bytes
    verified: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Journal:
    """All records that a dispenser holds, in order of seq."""

    dispenser: str
    epoch: int
    source: str
    held: list[Held]

    def gaps(self) -> list[tuple[int, int]]:
        """Return the ranges of seqs that are missing between first and last, as (first, last)."""
        seqs = [held.record.seq for held in self.held]
        pairs = itertools.pairwise(seqs)
        return [(one + 1, other - 1) for one, other in pairs if other != one + 1]

    def untold(self) -> list[tuple[int, int]]:
        """Return those of them that no GAP record tells."""
        told = [gap for held in self.held if (gap := _gap(held.record))]
        return [
            (first, last)
            for first, last in self.gaps()
            if not any(a <= first and last <= b for a, b in told)
        ]


def read(port: Path, progress: Callable[[int, int], None]) -> Journal:
    """Read all records over the port; `progress` gets how many of how many are there.

    Raises PortError, SessionError; ToolError if the dispenser has no journal.
    """
    return asyncio.run(_read(port, progress))


async def _read(port: Path, progress: Callable[[int, int], None]) -> Journal:
    async with Session(port) as session:
        hello = await session.hello()
        if hello.epoch == 0:
            raise ToolError(f"{port}: has no journal: {hello.service.name}", Exit.FAILED)
        held: list[Held] = []
        total = hello.next - hello.first
        if total:
            async with asyncio.timeout(_WITHIN):
                async for events in session.events(hello.epoch, hello.first):
                    held += _cut(events.previous, events.records)
                    progress(len(held), total)
                    if held[-1].record.seq + 1 >= hello.next:
                        break
        return Journal(hello.device_id.hex(), hello.epoch, str(port), held)


def from_image(path: Path, board: str = "pico") -> Journal:
    """Read all records from a flash image; what is damaged is left out. Raises ToolError."""
    try:
        from littlefs import LittleFS, LittleFSError
    except ModuleNotFoundError as error:
        raise ToolError("a flash image needs: pip install 'dosewire[sim]'", Exit.USAGE) from error
    flash = boards.load(board).flash
    try:
        data = path.read_bytes()
        if len(data) != flash.size:
            told = f"{len(data)} bytes, the file system of a {board} has {flash.size}"
            raise ToolError(f"{path}: {told}", Exit.USAGE)
        system = LittleFS(
            block_size=flash.block_size, block_count=flash.blocks, prog_size=256, read_size=32,
            cache_size=1024, lookahead_size=32, mount=False,
        )  # fmt: skip
        system.context.buffer[:] = data
        system.mount()
        return _walk(system, path)
    except (OSError, LittleFSError) as error:
        raise ToolError(f"{path}: no file system of a dispenser: {error}", Exit.USAGE) from error


def _walk(system: object, path: Path) -> Journal:
    found: dict[int, Held] = {}
    epoch = 0
    for name, data in _files(system):
        if name.startswith("/journal/") and len(data) > _FIRST:
            epoch = int.from_bytes(data[:4], "big")
            held = _cut(data[4:_FIRST], _whole(data[_FIRST:]))
            # the tail repeats what it has spilled if the power went between
            found |= {one.record.seq: one for one in held}
    identity = dict(_files(system)).get("/identity", b"").decode("ascii", "replace").strip()
    return Journal(identity, epoch, str(path), [found[seq] for seq in sorted(found)])


def _files(system: object) -> Iterator[tuple[str, bytes]]:
    for folder, _, names in system.walk("/"):  # type: ignore[attr-defined]
        for name in names:
            where = f"{folder.rstrip('/')}/{name}"
            with system.open(where, "rb") as file:  # type: ignore[attr-defined]
                yield where, bytes(file.read())


def _whole(blob: bytes) -> bytes:
    # up to the first record that is cut or damaged
    end = 0
    while len(blob) - end >= 14 and end + 22 + blob[end + 13] <= len(blob):
        size = 22 + blob[end + 13]
        if size > schema.MAX_RECORD:
            break
        end += size
    return blob[:end]


def _cut(previous: bytes, blob: bytes) -> list[Held]:
    held = []
    for raw in wire.split_records(blob):
        held.append(Held(wire.parse(Record, raw), previous, raw))
        previous = wire.tag_of(raw)
    return held


def save(journal: Journal, path: Path) -> None:
    """Write it as JSON Lines; raises OSError."""
    encode = msgspec.json.encode
    lines = [encode(Head(journal.dispenser, journal.epoch, journal.source))]
    lines += [encode(Line(held.previous.hex(), held.raw.hex())) for held in journal.held]
    path.write_bytes(b"\n".join(lines) + b"\n")


def load(path: Path) -> Journal:
    """Read a saved journal; raises ToolError."""
    try:
        first, *rest = path.read_bytes().splitlines()
        head = msgspec.json.decode(first, type=Head)
        lines = [msgspec.json.decode(line, type=Line) for line in rest]
        held = [one for line in lines for one in _cut(*_bytes(line))]
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}", Exit.USAGE) from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise ToolError(f"{path}: not a saved journal: {error}", Exit.USAGE) from error
    return Journal(head.dispenser, head.epoch, head.source, held)


def _bytes(line: Line) -> tuple[bytes, bytes]:
    return bytes.fromhex(line.previous), bytes.fromhex(line.raw)


def verify(journal: Journal, known: Registry) -> Journal:
    """Return the journal with each record's tag checked; raises ToolError without a key."""
    secret = known.secret(journal.dispenser)
    if secret is None or not known.has_epoch(journal.dispenser, journal.epoch):
        told = f"{journal.dispenser}, epoch {journal.epoch} is not in the registry"
        raise ToolError(f"{told}: it cannot be verified", Exit.USAGE)
    keys = BlockKeys(root_key(secret, bytes.fromhex(journal.dispenser), journal.epoch))
    held = [
        dataclasses.replace(one, verified=verifies(keys, one.previous, one.raw))
        for one in journal.held
    ]
    return dataclasses.replace(journal, held=held)


def broken(journal: Journal) -> list[int]:
    """Return the seqs whose tag does not fit, or whose predecessor is not the record before."""
    found = [one.record.seq for one in journal.held if one.verified is False]
    for one, other in itertools.pairwise(journal.held):
        follows = other.record.seq == one.record.seq + 1
        if follows and other.previous != wire.tag_of(one.raw):
            found.append(other.record.seq)
    return sorted(set(found))


def _gap(record: Record) -> tuple[int, int] | None:
    if record.type != RecordType.gap:
        return None
    try:
        data = wire.parse_data(record)
    except wire.WireError:
        return None
    return (data.first, data.last) if isinstance(data, schema.Gap) else None
