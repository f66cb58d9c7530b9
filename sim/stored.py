"""What the backend's database holds, read only and decoded anew from each record's own bytes.

A record's true time is found here as an integrator would: as told if the clock was set, else
through the first later TIME_SET of the same boot (DESIGN: law 6).
"""

import contextlib
import dataclasses
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from protocol import schema
from protocol.wire import WireError, parse, parse_data

_MS = 1_000_000
_NAMES = {int(kind): kind.name for kind in list(schema.RecordType)}
_JUDGED = {
    "state": ("active",),
    "dose": ("compartment",),
    "dose_end": ("compartment", "breaks"),
    "lid_closed": ("compartments",),
    "refill": ("action", "cause", "compartments"),
    "response": ("button", "corrects", "prompt", "question"),
}
_DURATION = {"lid_closed": "duration", "dose_end": "dwell"}


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """One stored record; `t` is its placed time in Unix ns, None where nothing places it.

    `fields` are those that a stimulus decides, `duration` in ms; `quality` and `mode` are numbers
    of `schema.Quality` and `schema.Mode`; `data` is the typed data, None for an unknown type;
    `stored_at` is Unix µs of the commit; `unlike` names columns that do not say what the bytes
    say.
    """

    dispenser: str
    epoch: int
    seq: int
    boot: int
    kind: str
    fields: tuple[tuple[str, int], ...]
    duration: int | None
    data: object
    t: int | None
    quality: int
    mode: int
    raw: bytes
    previous: bytes
    stored_at: int
    status: str
    unlike: tuple[str, ...]


def load(path: Path) -> list[Stored]:
    """Return all records by dispenser, epoch and seq, placed in time.

    Raises sqlite3.Error if the database cannot be read, WireError if bytes are no record.
    """
    with reading(path) as db:
        rows = db.execute("SELECT * FROM records ORDER BY dispenser, epoch, seq").fetchall()
    return place([_decode(dict(row)) for row in rows])


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database of a run read only, rows by column name.

    Raises sqlite3.Error that names the file, also out of the block.
    """
    with contextlib.ExitStack() as stack:
        try:
            db = stack.enter_context(contextlib.closing(_open(path)))
            if not _readable(db):
                copy = _copy(path, Path(stack.enter_context(tempfile.TemporaryDirectory())))
                db = stack.enter_context(contextlib.closing(_open(copy)))
            yield db
        except sqlite3.Error as error:
            raise type(error)(f"{path.name}: {error}") from error


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
    db.row_factory = sqlite3.Row
    return db


def _readable(db: sqlite3.Connection) -> bool:
    # who reads a log writes its index beside it: not on a full disk
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        return "disk I/O" not in str(error)
    return True


def _copy(path: Path, folder: Path) -> Path:
    for suffix in ("", "-wal"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            shutil.copy(part, folder / part.name)
    return folder / path.name


def rows(path: Path, table: str, columns: Sequence[str]) -> list[sqlite3.Row]:
    """Return the named columns of a whole table, in their own order."""
    names = ", ".join(columns)
    with reading(path) as db:
        return db.execute(f"SELECT {names} FROM {table} ORDER BY {names}").fetchall()


def _decode(row: Mapping[str, object]) -> Stored:
    raw, previous = _bytes(row["raw"]), _bytes(row["previous"])
    record = parse(schema.Record, raw)
    kind = _NAMES.get(int(record.type), f"0x{int(record.type):02x}")
    data = _data(record, kind)
    said = {name: getattr(record, name) for name in ("seq", "boot", "time", "stamp", "data")}
    said["type"] = int(record.type)
    unlike = tuple(name for name, value in said.items() if name in row and row[name] != value)
    return Stored(
        dispenser=str(row["dispenser"]),
        epoch=int(str(row["epoch"])),
        seq=int(str(row["seq"])),
        boot=record.boot,
        kind=kind,
        fields=tuple((name, int(getattr(data, name))) for name in _JUDGED.get(kind, ())),
        duration=int(getattr(data, _DURATION[kind])) if kind in _DURATION else None,
        data=data,
        t=_ns(record.time, record.ms) if record.quality != schema.Quality.uptime else None,
        quality=int(record.quality),
        mode=int(record.mode),
        raw=raw,
        previous=previous,
        stored_at=int(str(row["stored_at"])),
        status=str(row["status"]),
        unlike=unlike,
    )


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise WireError(f"{value!r} where record bytes should be")
    return value


def _data(record: schema.Record, kind: str) -> object:
    return None if kind.startswith("0x") else parse_data(record)


def _ns(seconds: int, ms: int) -> int:
    return ((schema.TIME_BASE + seconds) * 1000 + ms) * _MS


def describe(raw: bytes) -> str:
    """Return what a record in bytes tells, in a few words."""
    record = parse(schema.Record, raw)
    kind = _NAMES.get(int(record.type), f"0x{int(record.type):02x}")
    data = _data(record, kind)
    told = (f"{name} {getattr(data, name)}" for name in _JUDGED.get(kind, ())[:1])
    return " ".join((kind.upper(), *told))


def told_ns(raw: bytes) -> int | None:
    """Return the time that a record in bytes tells (Unix ns), None for seconds since boot."""
    record = parse(schema.Record, raw)
    known = record.quality != schema.Quality.uptime
    return _ns(record.time, record.ms) if known else None


def place(records: Sequence[Stored]) -> list[Stored]:
    """Move the records written before a TIME_SET of their boot to where it says they belong."""
    sets: dict[tuple[str, int, int], list[Stored]] = {}
    for record in records:
        if isinstance(record.data, schema.TimeSet):
            sets.setdefault((record.dispenser, record.epoch, record.boot), []).append(record)
    return [
        _placed(record, sets.get((record.dispenser, record.epoch, record.boot), ()))
        for record in records
    ]


def _placed(record: Stored, sets: Iterable[Stored]) -> Stored:
    # `new - old` moves both kinds of clock: seconds since boot and a drifted RTC
    if record.quality == schema.Quality.synced:
        return record
    told = parse(schema.Record, record.raw)
    for later in sets:
        data = later.data
        fits = isinstance(data, schema.TimeSet) and data.old_quality == told.quality
        if isinstance(data, schema.TimeSet) and fits and later.seq > record.seq:
            step = (data.new - data.old) * 1000 + data.new_ms - data.old_ms
            return dataclasses.replace(record, t=_ns(told.time, told.ms) + step * _MS)
    return record
