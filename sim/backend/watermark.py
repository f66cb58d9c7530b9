"""What the watermark may pass.

A seq is passed if it is stored verified, stored as REFUSED below a verified one, or named by a
verified GAP. The set of these only grows, and is kept as maximal ranges: the same set whatever
the order of arrival.
"""

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from protocol.schema import FIRST_TAG, Range, Watermark
from protocol.wire import tag_of
from sim.backend.tables import Stream, records, spans, streams
from sim.backend.tables import refused as refused_rows

MAX_RANGES = 8
MAX_REFUSED = 8

_SPANS_HERE = (spans.c.dispenser == bindparam("d")) & (spans.c.epoch == bindparam("e"))
_NEAR = select(spans.c.first, spans.c.last).where(
    _SPANS_HERE & (spans.c.first <= bindparam("after")) & (spans.c.last >= bindparam("before"))
)
_GROW = update(spans).where(_SPANS_HERE & (spans.c.first == bindparam("from")))
_GROW = _GROW.values(last=bindparam("to"))
_REMOVE = delete(spans).where(_SPANS_HERE & (spans.c.first == bindparam("from")))
_COVERED = select(spans.c.first).where(
    _SPANS_HERE & (spans.c.first <= bindparam("seq")) & (spans.c.last >= bindparam("seq"))
)
_PASSED = (
    select(spans.c.first, spans.c.last)
    .where(_SPANS_HERE)
    .order_by(spans.c.first)
    .limit(MAX_RANGES + 1)
)
_STREAM = select(streams).where(
    (streams.c.dispenser == bindparam("d")) & (streams.c.epoch == bindparam("e"))
)
_RECORD = select(records.c.raw).where(
    (records.c.dispenser == bindparam("d"))
    & (records.c.epoch == bindparam("e"))
    & (records.c.seq == bindparam("seq"))
)
_REFUSED_HERE = (refused_rows.c.dispenser == bindparam("d")) & (
    refused_rows.c.epoch == bindparam("e")
)
_REFUSED_RECORD = select(refused_rows.c.raw).where(
    _REFUSED_HERE & (refused_rows.c.seq == bindparam("seq")) & refused_rows.c.stored
)
_REFUSED_RECORD = _REFUSED_RECORD.order_by(refused_rows.c.raw).limit(1)
_WANTED = (
    select(refused_rows.c.seq)
    .distinct()
    .where(_REFUSED_HERE & refused_rows.c.open)
    .order_by(refused_rows.c.seq)
    .limit(MAX_REFUSED)
)


def cover(db: Connection, dispenser: str, epoch: int, first: int, last: int) -> None:
    """Let the watermark pass the closed range, merged with the ranges that it touches."""
    here = {"d": dispenser, "e": epoch}
    near = db.execute(_NEAR, here | {"after": last + 1, "before": first - 1}).all()
    first = min([first, *(row.first for row in near)])
    last = max([last, *(row.last for row in near)])
    kept = [row for row in near if row.first == first]
    gone = [here | {"from": row.first} for row in near if row.first != first]
    if gone:
        db.execute(_REMOVE, gone)
    if not kept:
        row = {"dispenser": dispenser, "epoch": epoch, "first": first, "last": last}
        db.execute(insert(spans), row)
    elif kept[0].last != last:
        db.execute(_GROW, here | {"from": first, "to": last})


def covered(db: Connection, dispenser: str, epoch: int, seq: int) -> bool:
    """Tell whether the watermark may pass this seq."""
    return db.execute(_COVERED, {"d": dispenser, "e": epoch, "seq": seq}).first() is not None


def passed(db: Connection, dispenser: str, epoch: int) -> list[Range]:
    """Return the lowest ranges that may be passed, one more than a WATERMARK can name."""
    found = db.execute(_PASSED, {"d": dispenser, "e": epoch})
    return [Range(row.first, row.last) for row in found]


def next_of(ranges: list[Range]) -> int:
    """Return the first seq that may not be passed."""
    return ranges[0].last + 1 if ranges and ranges[0].first == 0 else 0


def tag_before(db: Connection, dispenser: str, epoch: int, following: int) -> bytes:
    """Return the tag of record `following - 1`; zeros where a GAP covers it, or there is none."""
    key = {"d": dispenser, "e": epoch, "seq": following - 1}
    for query in (_RECORD, _REFUSED_RECORD):
        raw = db.execute(query, key).scalar() if following else None
        if raw is not None:
            return tag_of(raw)
    return FIRST_TAG


def read(db: Connection, store: int, dispenser: str, epoch: int) -> Watermark:
    """Return the WATERMARK of a stream as it stands; of one never heard of: next 0, rev 0.

    `tag` is zeros also where record `next - 1` is not held because a GAP covers it.
    """
    here = {"d": dispenser, "e": epoch}
    row = db.execute(_STREAM, here).first()
    if row is None:
        return Watermark(epoch, 0, FIRST_TAG, store, 0, [], [])
    ranges = passed(db, dispenser, epoch)
    return made(store, Stream(*row), ranges, wanted(db, dispenser, epoch))


def wanted(db: Connection, dispenser: str, epoch: int) -> list[int]:
    """Return the seqs that are asked for again, lowest first, as many as can be named."""
    return list(db.execute(_WANTED, {"d": dispenser, "e": epoch}).scalars())


def made(store: int, stream: Stream, ranges: list[Range], refused: list[int]) -> Watermark:
    """Return the WATERMARK made of its parts."""
    above = [span for span in ranges if span.first > stream.next]
    return Watermark(
        epoch=stream.epoch,
        next=stream.next,
        tag=stream.tag,
        store=store,
        rev=stream.rev,
        ranges=above[:MAX_RANGES],
        refused=refused,
    )
