"""The spool: what was read from dispensers, kept until long after the backend has stored it.

Tables are part of the contract: others read them (read-only) while the gateway runs.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.database import Connection, Database
from protocol import schema, wire

TABLES = """
CREATE TABLE IF NOT EXISTS records(
    dispenser TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    previous BLOB NOT NULL, raw BLOB NOT NULL, received_at INTEGER NOT NULL,
    PRIMARY KEY(dispenser, epoch, seq, raw)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursor(
    dispenser TEXT PRIMARY KEY, epoch INTEGER NOT NULL, next INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS watermark(
    dispenser TEXT NOT NULL, epoch INTEGER NOT NULL, next INTEGER NOT NULL, tag BLOB NOT NULL,
    store INTEGER NOT NULL, rev INTEGER NOT NULL,
    PRIMARY KEY(dispenser, epoch)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hello(
    dispenser TEXT NOT NULL, epoch INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY(dispenser, epoch)) WITHOUT ROWID;
"""
MAX_RECORDS = 255
"""Seqs that one fetch spans, and records that one EVENTS holds."""
_AGED_AT_ONCE = 512
_TYPE_AT = 12
_OF = "dispenser = ? AND epoch = ?"


class Link(NamedTuple):
    """A record in bytes with the tag of its predecessor, all that is needed to verify it."""

    seq: int
    previous: bytes
    raw: bytes


class Cursor(NamedTuple):
    """Where to go on reading a dispenser; tag of record next - 1 if it is held."""

    epoch: int
    next: int
    tag: bytes | None


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept below the watermark: neither older nor more than this."""

    seconds: float = 30 * 86400
    records: int = 10_000


@dataclass(frozen=True, slots=True)
class Saved:
    """What is known of one epoch of a dispenser from before this start."""

    dispenser: str
    epoch: int
    hello: bytes | None
    end: int
    watermark: schema.Watermark | None


@dataclass(frozen=True, slots=True)
class Known:
    """What a watermark is judged by: end of what was read, tags of the record before it."""

    end: int
    tags: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an accepted watermark did: records deleted, ranges to read again (both closed)."""

    refused: int
    pruned: int
    holes: list[tuple[int, int]]


class Spool:
    """Queries on the spool; every method returns after COMMIT and raises SpoolError."""

    def __init__(
        self,
        database: Database,
        unix: Callable[[], float] = time.time,
        retention: Retention | None = None,
    ) -> None:
        self._database = database
        self._unix = unix
        self._retention = retention or Retention()

    async def greet(self, dispenser: str, epoch: int, hello: bytes) -> Cursor | None:
        """Keep a dispenser's HELLO body and return its cursor, None if it was never read."""

        def job(db: Connection) -> Cursor | None:
            db.execute("REPLACE INTO hello VALUES(?, ?, ?)", (dispenser, epoch, hello))
            return _cursor(db, dispenser)

        return await self._database.run(job)

    async def append(
        self, dispenser: str, epoch: int, links: Sequence[Link], following: int | None
    ) -> list[int]:
        """Store records and move the cursor to `following` (None: leave it) in one transaction.

        Returns the seqs of records that were not held before.
        """
        now = int(self._unix() * 1e6)

        def job(db: Connection) -> list[int]:
            added = [
                link.seq
                for link in links
                if db.execute(
                    "INSERT OR IGNORE INTO records VALUES(?, ?, ?, ?, ?, ?)",
                    (dispenser, epoch, link.seq, link.previous, link.raw, now),
                ).rowcount
            ]
            if following is not None:
                db.execute("REPLACE INTO cursor VALUES(?, ?, ?)", (dispenser, epoch, following))
            return added

        return await self._database.run(job)

    async def saved(self) -> list[Saved]:
        """Return every epoch of every dispenser that the spool knows."""

        def job(db: Connection) -> list[Saved]:
            epochs = db.execute(
                "SELECT dispenser, epoch FROM records UNION SELECT dispenser, epoch FROM cursor"
            ).fetchall()
            return [_saved(db, dispenser, epoch) for dispenser, epoch in epochs]

        return await self._database.run(job, writes=False)

    async def fetch(self, dispenser: str, epoch: int, start: int) -> list[Link]:
        """Return all records of up to 255 seqs, from the first one held at or after `start`."""

        def job(db: Connection) -> list[Link]:
            (first,) = db.execute(
                f"SELECT min(seq) FROM records WHERE {_OF} AND seq >= ?",
                (dispenser, epoch, start),
            ).fetchone()
            if first is None:
                return []
            rows = db.execute(
                f"SELECT seq, previous, raw FROM records WHERE {_OF}"
                " AND seq >= ? AND seq < ? ORDER BY seq, raw",
                (dispenser, epoch, first, first + MAX_RECORDS),
            )
            return [Link(*row) for row in rows]

        return await self._database.run(job, writes=False)

    async def known(self, dispenser: str, epoch: int, following: int) -> Known:
        """Return what a watermark with this `next` is to be judged by."""

        def job(db: Connection) -> Known:
            return Known(_end(db, dispenser, epoch), _tags(db, dispenser, epoch, following - 1))

        return await self._database.run(job, writes=False)

    async def accept(
        self,
        dispenser: str,
        epoch: int,
        mark: schema.Watermark,
        refused: Sequence[int],
        look_for_holes: bool,
    ) -> Accepted:
        """Keep a watermark, delete what is `refused`, prune what is stored long since.

        Pruning needs proof: the record before the mark is held and its tag is the mark's.
        """
        oldest = int((self._unix() - self._retention.seconds) * 1e6)

        def job(db: Connection) -> Accepted:
            at = (dispenser, epoch)
            values = (*at, mark.next, mark.tag, mark.store, mark.rev)
            db.execute("REPLACE INTO watermark VALUES(?, ?, ?, ?, ?, ?)", values)
            deleted = _delete_refused(db, at, mark, refused)
            pruned = 0
            if mark.tag in _tags(db, dispenser, epoch, mark.next - 1):
                pruned = _prune(db, at, mark.next, oldest, self._retention.records)
            holes = _holes(db, at, mark) if look_for_holes or refused else []
            return Accepted(deleted, pruned, holes)

        return await self._database.run(job)

    async def close(self, within: float) -> None:
        """Finish what was asked for and close, in `within` seconds at most."""
        await self._database.close(within)


def is_stored(mark: schema.Watermark, seq: int) -> bool:
    """Tell whether a watermark says that a seq is stored."""
    return seq < mark.next or any(r.first <= seq <= r.last for r in mark.ranges)


def _cursor(db: Connection, dispenser: str) -> Cursor | None:
    row = db.execute("SELECT epoch, next FROM cursor WHERE dispenser = ?", (dispenser,)).fetchone()
    if row is None:
        return None
    tags = _tags(db, dispenser, row[0], row[1] - 1)
    return Cursor(row[0], row[1], min(tags) if len(tags) == 1 else None)


def _tags(db: Connection, dispenser: str, epoch: int, seq: int) -> frozenset[bytes]:
    rows = db.execute(
        f"SELECT raw FROM records WHERE {_OF} AND seq = ?",
        (dispenser, epoch, seq),
    )
    return frozenset(wire.tag_of(raw) for (raw,) in rows)


def _end(db: Connection, dispenser: str, epoch: int) -> int:
    (last,) = db.execute(
        f"SELECT max(seq) FROM records WHERE {_OF}",
        (dispenser, epoch),
    ).fetchone()
    end = 0 if last is None else int(last) + 1
    cursor = _cursor(db, dispenser)
    return end if cursor is None or cursor.epoch != epoch else max(end, cursor.next)


def _saved(db: Connection, dispenser: str, epoch: int) -> Saved:
    at = (dispenser, epoch)
    hello = db.execute(f"SELECT body FROM hello WHERE {_OF}", at).fetchone()
    row = db.execute(
        f"SELECT next, tag, store, rev FROM watermark WHERE {_OF}",
        at,
    ).fetchone()
    mark = row and schema.Watermark(
        epoch=epoch, next=row[0], tag=row[1], store=row[2], rev=row[3], ranges=[], refused=[]
    )
    return Saved(dispenser, epoch, hello and hello[0], _end(db, dispenser, epoch), mark)


def _delete_refused(
    db: Connection, at: tuple[str, int], mark: schema.Watermark, refused: Sequence[int]
) -> int:
    deleted = 0
    for seq in refused:
        if not is_stored(mark, seq):
            deleted += db.execute(
                f"DELETE FROM records WHERE {_OF} AND seq = ?",
                (*at, seq),
            ).rowcount
    return deleted


def _prune(db: Connection, at: tuple[str, int], following: int, oldest: int, keep: int) -> int:
    floor = db.execute(
        f"SELECT seq FROM records WHERE {_OF} AND seq < ? ORDER BY seq DESC LIMIT 1 OFFSET ?",
        (*at, following, keep),
    ).fetchone()
    pruned = 0
    if floor is not None:
        pruned += db.execute(
            f"DELETE FROM records WHERE {_OF} AND seq <= ?",
            (*at, floor[0]),
        ).rowcount
    # the oldest few only: watermarks come often, and the rest is younger
    pruned += db.execute(
        f"DELETE FROM records WHERE {_OF} AND seq < ? AND received_at < ? AND seq IN"
        f" (SELECT seq FROM records WHERE {_OF} ORDER BY seq LIMIT ?)",
        (*at, following - 1, oldest, *at, _AGED_AT_ONCE),
    ).rowcount
    return pruned


def _holes(db: Connection, at: tuple[str, int], mark: schema.Watermark) -> list[tuple[int, int]]:
    cursor = _cursor(db, at[0])
    if cursor is None or cursor.epoch != at[1] or cursor.next <= mark.next:
        return []
    rows = db.execute(
        f"SELECT seq, raw FROM records WHERE {_OF} AND seq >= ? ORDER BY seq",
        (*at, mark.next),
    )
    covered = [(r.first, r.last) for r in mark.ranges]
    for seq, raw in rows:
        covered.append((seq, seq))
        gap = gap_of(raw)
        if gap is not None:
            covered.append((gap.first, gap.last))
    return _uncovered(mark.next, cursor.next, sorted(covered))


def _uncovered(start: int, end: int, covered: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    holes = []
    for first, last in covered:
        if first > start:
            holes.append((start, min(first, end) - 1))
        start = max(start, last + 1)
        if start >= end:
            return holes
    holes.append((start, end - 1))
    return holes


def gap_of(raw: bytes) -> schema.Gap | None:
    """Return the data of a GAP record, None for any other record or malformed data."""
    if len(raw) <= _TYPE_AT or raw[_TYPE_AT] != schema.RecordType.gap:
        return None
    try:
        return wire.parse(schema.Gap, wire.parse(schema.Record, raw).data)
    except wire.WireError:
        return None
