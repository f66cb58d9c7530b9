"""The store: what was verified, in SQLite (one worker) or PostgreSQL (several side by side).

COMMIT returns after the flush: what is confirmed is on disk. A worker locks the rows of the
streams it writes, in one order for all; readers never wait.
"""

import contextlib
import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, func, insert, select, update
from sqlalchemy.exc import DatabaseError

from protocol.schema import Watermark
from sim.backend import database, watermark
from sim.backend.database import StoreError, StoreGoneError, is_busy, is_trouble
from sim.backend.restored import Mark, Place, is_behind
from sim.backend.tables import (
    Alarm,
    Command,
    ForkVersion,
    GatewayState,
    RefusedRecord,
    StoredGap,
    StoredRecord,
    Stream,
    StreamClaim,
    alarms,
    claims,
    commands,
    counters,
    forks,
    gaps,
    gateways,
    meta,
    records,
    refused,
    streams,
)
from sim.backend.upsert import insert_missing
from sim.backend.writes import Batch, Writer

__all__ = ["Store", "StoreError", "StoreGoneError", "is_busy", "is_trouble", "open_store"]

RESTORED = "restored"
"""Alarm of the store itself, of no dispenser."""
_KEPT_FLUSHES = 64
_STRANGERS = select(meta.c.value).where(meta.c.name == "store").with_for_update()
_ID = select(meta.c.value).where(meta.c.name == "store")
_MOVES = select(func.coalesce(func.sum(streams.c.rev), 0))
Key = tuple[str, int]
Row = TypeVar("Row")


def now_us() -> int:
    """Return the unix time in µs."""
    return time.time_ns() // 1000


class Transaction:
    """One open transaction; `db` for what belongs to no stream."""

    def __init__(self, db: Connection, clock: Callable[[], int], store: int) -> None:
        self.db = db
        self.store = store
        self.counts: Counter[str] = Counter()
        self.writers: dict[Key, Writer] = {}
        self._clock = clock
        self._locked = False

    def lock(self, keys: Iterable[Key]) -> None:
        """Lock these streams of registered dispensers: all of a transaction, before any write."""
        for key in sorted(set(keys)):
            self.writers[key] = Writer(self.db, self._clock, key, registered=True)

    def stream(self, dispenser: str, epoch: int, gateway: str, *, registered: bool) -> Writer:
        """Return the writer of a stream; a registered one was locked before."""
        key = (dispenser, epoch)
        if key not in self.writers:
            if registered:
                self.lock([key])
            else:
                self._lock_strangers()
                self.writers[key] = Writer(self.db, self._clock, key, registered=False)
        writer = self.writers[key]
        writer.gateway = gateway
        return writer

    def finish(self) -> dict[Key, Watermark]:
        """Write what follows from what was written; returns the WATERMARK of each stream."""
        marks = {}
        for key, writer in self.writers.items():
            mark = writer.finish(self.store)
            if mark is not None:
                marks[key] = mark
            self.counts += writer.counts
        return marks

    def _lock_strangers(self) -> None:
        # what is not registered shares its bounds, so it is written by one worker at a time
        if not self._locked:
            self.db.execute(_STRANGERS)
            self._locked = True


class Store:
    """An open store. Use from one thread; `open_store` makes it.

    `stored_at` of a record is the moment at which its COMMIT had returned, flush included. It can
    be known only afterwards: the row is born with the moment of its insertion, and `settle`
    corrects it when there is nothing else to do. After a kill, or under load that never ends, it
    stays early by the time from insertion to flush.
    """

    def __init__(self, engine: Engine, clock: Callable[[], int], where: Path | str) -> None:
        self.name = database.name(where)
        self._engine = engine
        self._path = where if isinstance(where, Path) else None
        self._file = None if self._path is None else _file(self._path)
        self._writing = engine.execution_options(writing=True)
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._flushed: list[tuple[list[Batch], int]] = []
        self._named: list[tuple[str, int, int, int]] = []
        self._mark = None if self._path is None else Mark(self._path)
        with engine.connect() as db:
            self.id = int(db.execute(_ID).scalar_one())
            # of a file only: a server's store has no mark, and many streams
            self._moves = 0 if self._mark is None else int(db.execute(_MOVES).scalar_one())

    @contextlib.contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Open one transaction; COMMIT at the end of the block, nothing of it if that raises.

        Raises sqlalchemy.exc.OperationalError if the database is locked, full, unreadable or
        away, StoreGoneError if it is not the one that was opened.
        """
        with self._transaction() as db:
            transaction = Transaction(db, self._clock, self.id)
            yield transaction
        flushed = self._clock()
        self._counts += transaction.counts
        moved = sum(writer.moved for writer in transaction.writers.values())
        if moved:
            self._moves += moved
            self.mark()
        batches = [b for writer in transaction.writers.values() for b in writer.batches]
        if batches:
            self._flushed = [*self._flushed[-_KEPT_FLUSHES:], (batches, flushed)]

    @property
    def place(self) -> Place:
        """How far it has come."""
        return Place(self.id, self._moves)

    def mark(self) -> None:
        """Note `place` beside a store in a file; see `sim.backend.restored`."""
        if self._mark is not None and not self._mark.write(self.place):
            self.count("mark_failures")

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter when the store settles."""
        self._counts[name] += by

    def named(self, dispenser: str, epoch: int, seqs: list[int]) -> None:
        """Note that a WATERMARK naming these seqs as refused went out now."""
        now = self._clock()
        self._named += [(dispenser, epoch, seq, now) for seq in seqs]

    def alarm_restored(self) -> str:
        """Raise the alarm that this store was put back from a copy; returns its text."""
        text = f"put back from a copy, new id instead of {self.id:08x}: what it lacks comes again"
        row = {"at": self._clock(), "kind": RESTORED, "dispenser": "", "epoch": 0, "text": text}
        with self._transaction() as db:
            db.execute(insert(alarms).values(row))
        return text

    @property
    def unsettled(self) -> bool:
        """Whether something waits for `settle`."""
        return bool(self._counts or self._flushed or self._named)

    def settle(self) -> None:
        """Write what can wait: counters, moments of flushes, what was named as refused."""
        if not self.unsettled:
            return
        counts, flushed, named = Counter(self._counts), self._flushed, self._named[:]
        with self._transaction() as db:
            for batches, at in flushed:
                for batch in batches:
                    _correct(db, batch, at)
            for row in named:
                _name(db, *row)
            for name, by in sorted(counts.items()):
                _add(db, name, by)
        self._counts -= counts
        self._flushed = []
        del self._named[: len(named)]

    def settle_named(self) -> None:
        """Write at once which refused records were named: it decides what a second reading is."""
        if self._named:
            self.settle()

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
        with self._writing.begin() as db:
            yield db
            self._check_same(db)

    def _check_same(self, db: Connection) -> None:
        if self._path is not None and _file(self._path) != self._file:
            raise StoreGoneError(
                f"store {self.name}: deleted or replaced while in use, stopped; start again, "
                "after `dosewire backend renew` if a copy was put in its place"
            )
        if self._path is None and db.execute(_ID).scalar() != self.id:
            raise StoreGoneError(f"store {self.name}: renewed while in use, stopped; start again")

    def watermark(self, dispenser: str, epoch: int) -> Watermark:
        """Return the WATERMARK of a stream; of one never heard of: next 0, rev 0.

        Raises StoreGoneError if the store is not the one that was opened.
        """
        with self.reading() as db:
            self._check_same(db)
            return watermark.read(db, self.id, dispenser, epoch)

    def newest(self, dispenser: str, epoch: int) -> int:
        """Return the highest verified seq of a stream, 0 if there is none."""
        query = select(func.max(records.c.seq)).where(
            records.c.dispenser == dispenser, records.c.epoch == epoch
        )
        with self.reading() as db:
            return int(db.execute(query).scalar() or 0)

    def reading(self) -> contextlib.AbstractContextManager[Connection]:
        """Open a connection to read from."""
        return self._engine.connect()

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

    def claims(self, **where: Any) -> list[StreamClaim]:
        """Return the newest HELLO of each stream at each gateway, by column values if given."""
        return self._rows(StreamClaim, claims, **where)

    def gateways(self, **where: Any) -> list[GatewayState]:
        """Return what each gateway said of itself last, by column values if given."""
        return self._rows(GatewayState, gateways, **where)

    def commands(self, **where: Any) -> list[Command]:
        """Return commands in the order they were queued, by column values if given."""
        return self._rows(Command, commands, **where)

    def alarms(self, **where: Any) -> list[Alarm]:
        """Return alarms in the order they were raised, by column values if given."""
        return self._rows(Alarm, alarms, **where)

    def counters(self) -> dict[str, int]:
        """Return all counters, those included that wait for `settle`."""
        with self.reading() as db:
            held = {row.name: row.value for row in db.execute(select(counters))}
        return dict(Counter(held) + self._counts)

    def _rows(self, cls: type[Row], table: Table, **where: Any) -> list[Row]:
        names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        query = select(*(table.c[name] for name in names)).order_by(*table.primary_key)
        for name, value in where.items():
            query = query.where(table.c[name] == value)
        with self.reading() as db:
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


def _add(db: Connection, name: str, by: int) -> None:
    insert_missing(db, counters, {"name": name, "value": 0})
    more = update(counters).where(counters.c.name == name)
    db.execute(more.values(value=counters.c.value + by))


def open_store(
    where: Path | str, *, readonly: bool = False, clock: Callable[[], int] = now_us
) -> Store:
    """Open a store: a file of SQLite, or the URL of a PostgreSQL database; new if there is none.

    `clock` gives unix µs. Raises StoreError if it is something else, of another schema, not
    durable, or cannot be opened; sqlalchemy.exc.OperationalError if it is locked or away.
    """
    engine = database.connect(where, readonly=readonly)
    try:
        return Store(engine, clock, where)
    except BaseException:
        engine.dispose()
        raise


def open_alone(
    where: Path | str, tell: Callable[[str], None], *, clock: Callable[[], int] = now_us
) -> Store:
    """Open a store that no other process has; one that was put back from a copy is renewed.

    That is told, and stays as an alarm `restored`. Raises what `open_store` and `renew` raise.
    """
    mark = Mark(where).read() if isinstance(where, Path) else None
    store = open_store(where, clock=clock)
    if is_behind(store.place, mark):
        # the alarm first: after a kill between the two all of this happens again
        tell(store.alarm_restored())
        store.close()
        renew(where)
        store = open_store(where, clock=clock)
    store.mark()
    return store


def renew(where: Path | str) -> tuple[int, int]:
    """Give a store that was restored from a copy a new id; returns the old and the new one.

    Without it gateways would take the copy's WATERMARKs for old ones, and never send again what
    it lacks. Raises StoreError if there is no such store, OperationalError if it is locked.
    """
    if isinstance(where, Path) and not where.is_file():
        raise StoreError(f"store {where}: no such file")
    engine = database.connect(where, readonly=False)
    try:
        with engine.execution_options(writing=True).begin() as db:
            old = int(db.execute(_ID).scalar_one())
            new = database.new_id(other_than=old)
            db.execute(update(meta).where(meta.c.name == "store").values(value=new))
            moves = int(db.execute(_MOVES).scalar_one())
        if isinstance(where, Path):
            Mark(where).write(Place(new, moves))
    finally:
        engine.dispose()
    return old, new


def _file(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
