"""Ranges of seqs: what GAP records explain, what nobody explains, what is in doubt."""

from collections.abc import Iterable

from protocol import schema, wire
from protocol.schema import GapCause, RecordType

Span = tuple[int, int]
"""A closed range of seqs."""
_TYPE_AT = 12


def gap_of(raw: bytes) -> schema.Gap | None:
    """Return the data of a GAP record, None for any other record or malformed data."""
    if type_of(raw) != RecordType.gap:
        return None
    try:
        return wire.parse(schema.Gap, wire.parse(schema.Record, raw).data)
    except wire.WireError:
        return None


def type_of(raw: bytes) -> int:
    """Return a record's type, -1 if it is too short to have one."""
    return raw[_TYPE_AT] if len(raw) > _TYPE_AT else -1


def doubt_of(raw: bytes, passed: int) -> Span | None:
    """Return the range that a GAP of cause *trimmed* names at or above `passed`, if it does.

    The backend's watermark passes what such a GAP names, stored or not: records of it that the
    spool holds, and nobody has published, are to be published all the same.
    """
    gap = gap_of(raw)
    if gap is None or gap.cause != GapCause.trimmed:
        return None
    first = max(gap.first, passed)
    return (first, gap.last) if first <= gap.last < wire.seq_of(raw) else None


def uncovered(start: int, end: int, covered: Iterable[Span]) -> list[Span]:
    """Return the ranges of [start, end) that none of the ranges, in order, covers."""
    holes = []
    for first, last in covered:
        if first > start:
            holes.append((start, min(first, end) - 1))
        start = max(start, last + 1)
        if start >= end:
            return holes
    holes.append((start, end - 1))
    return holes
