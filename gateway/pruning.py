"""What may be deleted from the spool: only what the backend has proved to hold, or refused."""

from collections.abc import Sequence

from gateway.database import Connection
from gateway.floor import RELEASED
from protocol import schema

Stream = tuple[str, int]
"""Dispenser id and epoch."""
AT_ONCE = 4096
"""Records deleted in one transaction: a full disk has little room for SQLite's log."""
_AGED_AT_ONCE = 512
_OF = "dispenser = ? AND epoch = ?"


def delete_refused(
    db: Connection, at: Stream, mark: schema.Watermark, refused: Sequence[int]
) -> list[bytes]:
    """Delete what the backend refused and has not stored; returns those records."""
    gone: list[bytes] = []
    for seq in refused:
        if not is_stored(mark, seq):
            deleted = db.execute(
                f"DELETE FROM records WHERE {_OF} AND seq = ? RETURNING raw", (*at, seq)
            )
            gone += (raw for (raw,) in deleted)
    return gone


def prune(db: Connection, at: Stream, following: int, oldest: int, keep: int) -> int:
    """Delete what is stored and more than `keep` records below `following`, or too old.

    The record before `following` stays: it proves the next watermark. oldest: unix µs. What was
    received by a clock that cannot have been right has no age.
    """
    following = _bound(db, at, following)
    floor = db.execute(
        f"SELECT seq FROM records WHERE {_OF} AND seq < ? ORDER BY seq DESC LIMIT 1 OFFSET ?",
        (*at, following, keep),
    ).fetchone()
    pruned = _delete_lowest(db, at, floor[0] + 1) if floor is not None else 0
    return pruned + _delete_aged(db, at, following - 1, oldest)


def make_room(db: Connection) -> int:
    """Delete some of the records that are stored, kept for a backend that may be restored."""
    marks = db.execute("SELECT dispenser, epoch, next, tag FROM watermark").fetchall()
    deleted = 0
    for dispenser, epoch, following, tag in marks:
        at = (dispenser, epoch)
        held = db.execute(
            f"SELECT 1 FROM records WHERE {_OF} AND seq = ? AND substr(raw, -8) = ?",
            (*at, following - 1, tag),
        ).fetchone()
        if held is not None and deleted < AT_ONCE:
            deleted += _delete_lowest(db, at, _bound(db, at, following) - 1)
    return deleted


def is_stored(mark: schema.Watermark, seq: int) -> bool:
    """Tell whether a watermark says that a seq is stored."""
    if seq < mark.next:
        return True
    # asked for every record, and mostly there are none
    return bool(mark.ranges) and any(r.first <= seq <= r.last for r in mark.ranges)


def _delete_lowest(db: Connection, at: Stream, below: int) -> int:
    return db.execute(
        f"DELETE FROM records WHERE {_OF} AND seq IN"
        f" (SELECT seq FROM records WHERE {_OF} AND seq < ? ORDER BY seq LIMIT ?)",
        (*at, *at, below, AT_ONCE),
    ).rowcount


def _delete_aged(db: Connection, at: Stream, below: int, oldest: int) -> int:
    # the lowest few only: watermarks come often, and the rest is younger
    younger = db.execute(
        f"SELECT seq FROM records WHERE {_OF} ORDER BY seq LIMIT 1 OFFSET ?", (*at, _AGED_AT_ONCE)
    ).fetchone()
    below = below if younger is None else min(below, younger[0])
    return db.execute(
        f"DELETE FROM records WHERE {_OF} AND seq < ? AND received_at BETWEEN ? AND ?",
        (*at, below, RELEASED * 10**6, oldest - 1),
    ).rowcount


def _bound(db: Connection, at: Stream, following: int) -> int:
    # what is in doubt is published first
    (first,) = db.execute(f"SELECT min(first) FROM doubt WHERE {_OF}", at).fetchone()
    return following if first is None else min(following, first)
