"""The store: an SQLite database (WAL, synchronous=FULL) that holds what was verified.

One writer; any number of readers. COMMIT returns after fdatasync: what is confirmed is on disk.
"""

import contextlib
import dataclasses
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DatabaseError, OperationalError

from protocol.schema import Watermark
from sim.backend import watermark
from sim.backend.tables import (
    SCHEMA,
    Alarm,
    ForkVersion,
    RefusedRecord,
    StoredGap,
    StoredRecord,
    Stream,
    alarms,
    counters,
    forks,
    gaps,
    meta,
    metadata,
    records,
    refused,
    streams,
)
from sim.backend.writes import Batch, Writer, add

_BUSY_MS = 250
_LARGEST_ID = 0xFFFFFFFF
Row = TypeVar("Row")


class StoreError(RuntimeError):
    """The file cannot be this store; one line, says file and why."""


class StoreGoneError(StoreError):
    """The file was deleted or replaced under a running store: nothing more can be confirmed."""


def now_us() -> int:
    """Return the unix time in µs."""
    return time.time_ns() // 1000


def is_trouble(error: BaseException) -> bool:
    """Tell whether a database error may pass (locked, full, unreadable) and is worth a retry."""
    return isinstance(error, OperationalError) or type(error) is DatabaseError


def is_busy(error: BaseException) -> bool:
    """Tell whether another process holds the lock."""
    cause = getattr(error, "orig", None)
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Store:
    """An open store. Use from one thread; `open_store` makes it.

    `stored_at` of a record is the moment at which its COMMIT had returned, flush included. It can
    be known only afterwards: the row is born with the moment of its insertion, and the next
    transaction or `settle` corrects it. A kill between them leaves it early by that flush.
    """

    def __init__(self, engine: Engine, clock: Callable[[], int], path: Path) -> None:
        self._engine = engine
        self._path = path
        self._file = _file(path)
        self._writing = engine.execution_options(writing=True)
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._flushed: list[tuple[Batch, int]] = []
        self._named: list[tuple[str, int, int, int]] = []
        with engine.connect() as db:
            self.id = int(
                db.execute(select(meta.c.value).where(meta.c.name == "store")).scalar_one()
            )

    @contextlib.contextmanager
    def writing(
        self, dispenser: str, epoch: int, gateway: str, *, registered: bool
    ) -> Iterator[Writer]:
        """Open one transaction; COMMIT at the end of the block, nothing of it if that raises.

        Raises sqlalchemy.exc.OperationalError if the database is locked, full or unreadable,
        StoreGoneError if its file is not there any more.
        """
        with self._transaction() as db:
            writer = Writer(db, self._clock, (dispenser, epoch, gateway), registered=registered)
            yield writer
        flushed = self._clock()
        self._flushed += [(batch, flushed) for batch in writer.batches]

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter with the next transaction."""
        self._counts[name] += by

    def named(self, dispenser: str, epoch: int, seqs: list[int]) -> None:
        """Note that a WATERMARK naming these seqs as refused went out now."""
        now = self._clock()
        self._named += [(dispenser, epoch, seq, now) for seq in seqs]

    @property
    def unsettled(self) -> bool:
        """Whether something waits for the next transaction."""
        return bool(self._counts or self._flushed or self._named)

    def settle(self) -> None:
        """Write what waits for the next transaction."""
        if self.unsettled:
            with self._transaction():
                pass

    def reopen(self) -> None:
        """Drop the connection: after a failed flush nothing about it can be trusted."""
        self._engine.dispose()

    def close(self) -> None:
        """Settle if possible, then close."""
        try:
            self.settle()
        except (DatabaseError, StoreGoneError):
            # locked or full: counters and the last flush moments are lost, records are not
            pass
        finally:
            self._engine.dispose()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Connection]:
        counts, flushed, named = Counter(self._counts), self._flushed[:], self._named[:]
        with self._writing.begin() as db:
            for name, by in counts.items():
                add(db, name, by)
            for batch, at in flushed:
                _correct(db, batch, at)
            for row in named:
                _name(db, *row)
            yield db
            self._check_there()
        self._counts -= counts
        del self._flushed[: len(flushed)]
        del self._named[: len(named)]

    def _check_there(self) -> None:
        if _file(self._path) != self._file:
            raise StoreGoneError(
                f"store {self._path}: deleted or replaced while in use, stopped; start again, "
                "after `dosewire backend renew` if a copy was put in its place"
            )

    def watermark(self, dispenser: str, epoch: int) -> Watermark:
        """Return the WATERMARK of a stream; of one never heard of: next 0, rev 0.

        Raises StoreGoneError if the file is not there any more.
        """
        self._check_there()
        with self._engine.connect() as db:
            return watermark.read(db, self.id, dispenser, epoch)

    def newest(self, dispenser: str, epoch: int) -> int:
        """Return the highest verified seq of a stream, 0 if there is none."""
        query = select(func.max(records.c.seq)).where(
            records.c.dispenser == dispenser, records.c.epoch == epoch
        )
        with self._engine.connect() as db:
            return int(db.execute(query).scalar() or 0)

    def records(self, dispenser: str, epoch: int) -> list[StoredRecord]:
        """Return the records of a stream by seq; check `status` before calling one evidence."""
        return self._rows(StoredRecord, records, dispenser=dispenser, epoch=epoch)

    def forks(self, **where: Any) -> list[ForkVersion]:
        """Return forks, by column values if given: `dispenser=`, `epoch=`, `seq=`."""
        return self._rows(ForkVersion, forks, **where)

    def refused(self, **where: Any) -> list[RefusedRecord]:
        """Return refused records, by column values if given."""
        return self._rows(RefusedRecord, refused, **where)

    def gaps(self, **where: Any) -> list[StoredGap]:
        """Return the ranges named by verified GAP records, by column values if given."""
        return self._rows(StoredGap, gaps, **where)

    def streams(self, **where: Any) -> list[Stream]:
        """Return all streams, by column values if given."""
        return self._rows(Stream, streams, **where)

    def alarms(self, **where: Any) -> list[Alarm]:
        """Return alarms in the order they were raised, by column values if given."""
        return self._rows(Alarm, alarms, **where)

    def counters(self) -> dict[str, int]:
        """Return all counters, those included that wait for the next transaction."""
        with self._engine.connect() as db:
            held = {row.name: row.value for row in db.execute(select(counters))}
        return dict(Counter(held) + self._counts)

    def _rows(self, cls: type[Row], table: Table, **where: Any) -> list[Row]:
        names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        query = select(*(table.c[name] for name in names)).order_by(*table.primary_key)
        for name, value in where.items():
            query = query.where(table.c[name] == value)
        with self._engine.connect() as db:
            return [cls(*row) for row in db.execute(query)]


def _correct(db: Connection, batch: Batch, flushed: int) -> None:
    rows = (
        (records.c.dispenser == batch.dispenser)
        & (records.c.epoch == batch.epoch)
        & records.c.seq.between(batch.first, batch.last)
        & (records.c.stored_at == batch.stored_at)
    )
    db.execute(update(records).where(rows).values(stored_at=flushed))


def _name(db: Connection, dispenser: str, epoch: int, seq: int, at: int) -> None:
    rows = (
        (refused.c.dispenser == dispenser)
        & (refused.c.epoch == epoch)
        & (refused.c.seq == seq)
        & refused.c.open
        & refused.c.named_at.is_(None)
    )
    db.execute(update(refused).where(rows).values(named_at=at))


def open_store(path: Path, *, readonly: bool = False, clock: Callable[[], int] = now_us) -> Store:
    """Open the store at `path`, made anew with an id of its own if there is none.

    `clock` gives unix µs. Raises StoreError if the file is something else, of another schema, or
    cannot be opened; sqlalchemy.exc.OperationalError if it is locked.
    """
    mode = "ro" if readonly else "rwc"
    url = f"sqlite:///{path.resolve().as_uri()}?mode={mode}&uri=true"
    engine = create_engine(url, connect_args={"timeout": _BUSY_MS / 1000})
    event.listen(engine, "connect", _read_settings if readonly else _write_settings)
    event.listen(engine, "begin", _begin)
    try:
        if not readonly:
            _create(engine)
        _check(engine, path)
        return Store(engine, clock, path)
    except DatabaseError as error:
        engine.dispose()
        if is_busy(error):
            raise
        raise StoreError(f"store {path}: {error.orig}") from error
    except BaseException:
        engine.dispose()
        raise


def renew(path: Path) -> tuple[int, int]:
    """Give a store that was restored from a copy a new id; returns the old and the new one.

    Without it gateways would take the copy's WATERMARKs for old ones, and never send again what
    it lacks. Raises StoreError if there is no such store, OperationalError if it is locked.
    """
    if not path.is_file():
        raise StoreError(f"store {path}: no such file")
    store = open_store(path)
    try:
        with store._transaction() as db:
            new = 1 + (store.id + secrets.randbelow(_LARGEST_ID - 1)) % _LARGEST_ID
            db.execute(update(meta).where(meta.c.name == "store").values(value=new))
    finally:
        store.close()
    return store.id, new


def _file(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _create(engine: Engine) -> None:
    with engine.execution_options(writing=True).begin() as db:
        metadata.create_all(db)
        if db.execute(select(meta.c.value)).first() is None:
            born = {"store": 1 + secrets.randbelow(_LARGEST_ID), "schema": SCHEMA}
            rows = [{"name": name, "value": value} for name, value in born.items()]
            db.execute(insert(meta), rows)


def _check(engine: Engine, path: Path) -> None:
    with engine.connect() as db:
        schema = db.execute(select(meta.c.value).where(meta.c.name == "schema")).scalar()
    if schema != SCHEMA:
        raise StoreError(f"store {path}: schema {schema}, this version needs {SCHEMA}")


def _write_settings(connection: Any, _: object) -> None:
    # the driver's own transactions begin too late: BEGIN IMMEDIATE is ours, see _begin
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _read_settings(connection: Any, _: object) -> None:
    connection.isolation_level = None


def _begin(db: Connection) -> None:
    # a lock taken only at the first write could be refused in mid-transaction
    writing = db.get_execution_options().get("writing")
    db.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
