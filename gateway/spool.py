"""The spool: what was read from dispensers, kept until long after the backend has stored it.

Tables are part of the contract: others read them (read-only) while the gateway runs.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway import gaps, mailbox, pruning
from gateway.database import Connection, Database, SpoolError, SpoolFullError
from gateway.gaps import Span
from protocol import schema, wire

TABLES = (
    mailbox.TABLES
    + """
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
CREATE TABLE IF NOT EXISTS traffic(
    day INTEGER PRIMARY KEY, bytes INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS doubt(
    dispenser TEXT NOT NULL, epoch INTEGER NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL, PRIMARY KEY(dispenser, epoch, first, last)) WITHOUT ROWID;
"""
)
MAX_RECORDS = 255
"""Seqs that one fetch spans, and records that one EVENTS holds."""
_ROWS_AT_ONCE = 32
_RECORD_HEAD = 22
_LENGTH_AT = 13
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
    doubts: list[Span] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Known:
    """What a watermark is judged by: end of what was read, tags of the record before it."""

    end: int
    tags: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an accepted watermark did: records deleted, ranges to read again (both closed)."""

    refused: list[bytes]
    pruned: int
    holes: list[Span]


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

        Returns the seqs of records that were not held before. Raises SpoolFullError only after
        everything that may go first is gone.
        """
        try:
            return await self._append(dispenser, epoch, links, following)
        except SpoolFullError:
            if not await self._make_room():
                raise
        return await self._append(dispenser, epoch, links, following)

    async def _append(
        self, dispenser: str, epoch: int, links: Sequence[Link], following: int | None
    ) -> list[int]:
        now = int(self._unix() * 1e6)

        def job(db: Connection) -> list[int] | None:
            greeted = db.execute(f"SELECT 1 FROM hello WHERE {_OF}", (dispenser, epoch))
            if greeted.fetchone() is None:
                return None
            added = _insert(db, (dispenser, epoch), links, now)
            if following is not None:
                db.execute("REPLACE INTO cursor VALUES(?, ?, ?)", (dispenser, epoch, following))
            _note_doubts(db, (dispenser, epoch), links)
            return added

        stored = await self._database.run(job, grows=True)
        if stored is None:
            # the cursor that this READ began at went with the old one
            raise SpoolError("the spool began anew after the greeting")
        return stored

    async def _make_room(self) -> bool:
        """Delete what may go first: spools set aside, then records that the backend holds."""
        aside = self._database.discard_aside()
        deleted = await self._database.run(pruning.make_room)
        self._database.counters.add("room_made", deleted)
        return aside + deleted > 0

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

    async def mend(self, dispenser: str, epoch: int, spoilt: Sequence[Link]) -> list[int]:
        """Delete records whose bytes do not fit their key; returns the seqs where they belong.

        A record that is whole is kept under the seq in its bytes, if that was ever read.
        """

        def job(db: Connection) -> list[int]:
            at, moved = (dispenser, epoch), []
            for key, _, raw in spoilt:
                own = wire.seq_of(raw)
                if is_whole(raw) and own < _end(db, dispenser, epoch):
                    moved.append(own)
                    db.execute(
                        "INSERT OR IGNORE INTO records SELECT dispenser, epoch, ?, previous, raw,"
                        f" received_at FROM records WHERE {_OF} AND seq = ? AND raw = ?",
                        (own, *at, key, raw),
                    )
                db.execute(
                    f"DELETE FROM records WHERE {_OF} AND seq = ? AND raw = ?", (*at, key, raw)
                )
            return moved

        return await self._database.run(job)

    async def newest(
        self, dispenser: str, epoch: int, start: int, types: Sequence[int], limit: int
    ) -> list[Link]:
        """Return the newest records of some types at or after `start`, newest first."""
        marks = ", ".join("?" * len(types))

        def job(db: Connection) -> list[Link]:
            rows = db.execute(
                f"SELECT seq, previous, raw FROM records WHERE {_OF} AND seq >= ?"
                f" AND substr(raw, 13, 1) IN ({marks}) ORDER BY seq DESC LIMIT ?",
                (dispenser, epoch, start, *(bytes([kind]) for kind in types), limit),
            )
            return [Link(*row) for row in rows]

        return await self._database.run(job, writes=False)

    async def settle(self, dispenser: str, epoch: int, spans: Sequence[Span]) -> None:
        """Forget doubts: what was held of these ranges is published and was answered."""

        def job(db: Connection) -> None:
            for span in spans:
                db.execute(
                    f"DELETE FROM doubt WHERE {_OF} AND first = ? AND last = ?",
                    (dispenser, epoch, *span),
                )

        await self._database.run(job)

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
            deleted = pruning.delete_refused(db, at, mark, refused)
            pruned = 0
            if mark.tag in _tags(db, dispenser, epoch, mark.next - 1):
                pruned = pruning.prune(db, at, mark.next, oldest, self._retention.records)
            holes = _holes(db, at, mark) if look_for_holes or refused else []
            return Accepted(deleted, pruned, holes)

        return await self._database.run(job)

    async def traffic(self, day: int) -> int:
        """Return the bytes on the air that were saved for a day."""

        def job(db: Connection) -> int:
            row = db.execute("SELECT bytes FROM traffic WHERE day = ?", (day,)).fetchone()
            return int(row[0]) if row else 0

        return await self._database.run(job, writes=False)

    async def save_traffic(self, day: int, count: int) -> None:
        """Keep a day's bytes on the air, and no other day's."""

        def job(db: Connection) -> None:
            db.execute("DELETE FROM traffic WHERE day <> ?", (day,))
            db.execute("REPLACE INTO traffic VALUES(?, ?)", (day, count))

        await self._database.run(job)

    async def close(self, within: float) -> None:
        """Finish what was asked for and close, in `within` seconds at most."""
        await self._database.close(within)


def is_sound(link: Link) -> bool:
    """Tell whether a record's bytes are whole and fit their key."""
    return is_whole(link.raw) and wire.seq_of(link.raw) == link.seq


def is_whole(raw: bytes) -> bool:
    """Tell whether bytes have the length that a record says it has."""
    size = len(raw)
    return size >= _RECORD_HEAD and size == _RECORD_HEAD + raw[_LENGTH_AT]


def _cursor(db: Connection, dispenser: str) -> Cursor | None:
    row = db.execute("SELECT epoch, next FROM cursor WHERE dispenser = ?", (dispenser,)).fetchone()
    if row is None:
        return None
    tags = _tags(db, dispenser, row[0], row[1] - 1)
    return Cursor(row[0], row[1], min(tags) if len(tags) == 1 else None)


def _insert(db: Connection, at: tuple[str, int], links: Sequence[Link], now: int) -> list[int]:
    if not links:
        return []
    seqs = [link.seq for link in links]
    held = set(
        db.execute(
            f"SELECT seq, raw FROM records WHERE {_OF} AND seq BETWEEN ? AND ?",
            (*at, min(seqs), max(seqs)),
        )
    )
    new = {(link.seq, link.raw): link for link in links if (link.seq, link.raw) not in held}
    rows = [(*at, *link, now) for link in new.values()]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        # one statement: each step of one would give the interpreter away and wait for it
        marks = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(some))
        db.execute(f"INSERT INTO records VALUES {marks}", list(itertools.chain(*some)))
    return [link.seq for link in new.values()]


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
    doubts = db.execute(f"SELECT first, last FROM doubt WHERE {_OF}", at).fetchall()
    return Saved(dispenser, epoch, hello and hello[0], _end(db, dispenser, epoch), mark, doubts)


def _note_doubts(db: Connection, at: tuple[str, int], links: Sequence[Link]) -> None:
    for link in links:
        if gaps.type_of(link.raw) == schema.RecordType.gap:
            row = db.execute(f"SELECT next FROM watermark WHERE {_OF}", at).fetchone()
            span = gaps.doubt_of(link.raw, row[0] if row else 0)
            if span is not None:
                db.execute("INSERT OR IGNORE INTO doubt VALUES(?, ?, ?, ?)", (*at, *span))


def _holes(db: Connection, at: tuple[str, int], mark: schema.Watermark) -> list[Span]:
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
        gap = gaps.gap_of(raw)
        if gap is not None:
            covered.append((gap.first, gap.last))
    return gaps.uncovered(mark.next, cursor.next, sorted(covered))
