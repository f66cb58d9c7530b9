"""What the watermark may pass, and when one is due.

A seq is passed if it is stored verified, stored as REFUSED, or named by a verified GAP. The set
of these only grows, and is kept as maximal ranges: the same set whatever the order of arrival.
"""

import dataclasses
import math

from sqlalchemy import Connection, delete, insert, select, update

from protocol.schema import FIRST_TAG, Range, Watermark
from protocol.wire import tag_of
from sim.backend.tables import records, refused, spans, streams

MAX_RANGES = 8
MAX_REFUSED = 8


def cover(db: Connection, dispenser: str, epoch: int, first: int, last: int) -> None:
    """Let the watermark pass the closed range, merged with the ranges that it touches."""
    stream = (spans.c.dispenser == dispenser) & (spans.c.epoch == epoch)
    near = stream & (spans.c.first <= last + 1) & (spans.c.last >= first - 1)
    for row in db.execute(select(spans.c.first, spans.c.last).where(near)).all():
        first, last = min(first, row.first), max(last, row.last)
    db.execute(delete(spans).where(near))
    values = {"dispenser": dispenser, "epoch": epoch, "first": first, "last": last}
    db.execute(insert(spans).values(values))


def covered(db: Connection, dispenser: str, epoch: int, seq: int) -> bool:
    """Tell whether the watermark may pass this seq."""
    found = db.execute(
        select(spans.c.first).where(
            spans.c.dispenser == dispenser,
            spans.c.epoch == epoch,
            spans.c.first <= seq,
            spans.c.last >= seq,
        )
    )
    return found.first() is not None


def advance(db: Connection, dispenser: str, epoch: int) -> None:
    """Compute `next` and its tag anew and move `rev`: the stream changed in this transaction."""
    passed = _passed(db, dispenser, epoch)
    upto = passed[0].last + 1 if passed and passed[0].first == 0 else 0
    db.execute(
        update(streams)
        .where(streams.c.dispenser == dispenser, streams.c.epoch == epoch)
        .values(next=upto, tag=_tag(db, dispenser, epoch, upto - 1), rev=streams.c.rev + 1)
    )


def read(db: Connection, store: int, dispenser: str, epoch: int) -> Watermark:
    """Return the WATERMARK of a stream as it stands; of one never heard of: next 0, rev 0.

    `tag` is zeros also where record `next - 1` is not held because a GAP covers it.
    """
    row = db.execute(
        select(streams.c.next, streams.c.tag, streams.c.rev).where(
            streams.c.dispenser == dispenser, streams.c.epoch == epoch
        )
    ).first()
    if row is None:
        return Watermark(epoch, 0, FIRST_TAG, store, 0, [], [])
    above = [span for span in _passed(db, dispenser, epoch) if span.first > row.next]
    wanted = (
        select(refused.c.seq)
        .distinct()
        .where(refused.c.dispenser == dispenser, refused.c.epoch == epoch, refused.c.open)
        .order_by(refused.c.seq)
        .limit(MAX_REFUSED)
    )
    return Watermark(
        epoch=epoch,
        next=row.next,
        tag=row.tag,
        store=store,
        rev=row.rev,
        ranges=above[:MAX_RANGES],
        refused=list(db.execute(wanted).scalars()),
    )


def _passed(db: Connection, dispenser: str, epoch: int) -> list[Range]:
    found = db.execute(
        select(spans.c.first, spans.c.last)
        .where(spans.c.dispenser == dispenser, spans.c.epoch == epoch)
        .order_by(spans.c.first)
        .limit(MAX_RANGES + 1)
    )
    return [Range(row.first, row.last) for row in found]


def _tag(db: Connection, dispenser: str, epoch: int, seq: int) -> bytes:
    for table in (records, refused):
        key = (table.c.dispenser == dispenser) & (table.c.epoch == epoch) & (table.c.seq == seq)
        if table is refused:
            key &= refused.c.stored
        raw = db.execute(select(table.c.raw).where(key)).scalar()
        if raw is not None:
            return tag_of(raw)
    return FIRST_TAG


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """Whom a watermark is for: a stream at the gateway that it came from."""

    dispenser: str
    epoch: int
    gateway: str


@dataclasses.dataclass(slots=True)
class _Owed:
    records: int = 0
    by: float = math.inf
    sent_at: float = -math.inf


class Pacer:
    """Decides when a WATERMARK is due; times in seconds of any one clock that never goes back.

    When asked for; after `every` stored records; else at most every `interval` seconds.
    """

    def __init__(self, interval: float, every: int) -> None:
        self._interval = interval
        self._every = every
        self._owed: dict[Address, _Owed] = {}

    def note(self, address: Address, stored: int, by: float = math.inf) -> None:
        """Note what a committed transaction did to a stream, and by when it is to be answered."""
        owed = self._owed.setdefault(address, _Owed())
        owed.records += stored
        owed.by = min(owed.by, by)

    def due(self, now: float) -> list[Address]:
        """Return the streams whose watermark should go out now."""
        return [address for address, owed in self._owed.items() if self._when(owed) <= now]

    def wait(self, now: float) -> float:
        """Return the seconds until the next one is due, infinite if none is owed."""
        return max(0.0, min(map(self._when, self._owed.values()), default=math.inf) - now)

    def sent(self, address: Address, now: float) -> None:
        """Note that a WATERMARK with the newest state went out."""
        self._owed[address] = _Owed(sent_at=now)

    def _when(self, owed: _Owed) -> float:
        if owed.records >= self._every:
            return -math.inf
        return min(owed.by, owed.sent_at + self._interval) if owed.records else owed.by
