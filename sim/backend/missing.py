"""What should be here and is not: MISSING, told apart from LOST, REFUSED and FORK.

A seq is known of if a verified record of the same epoch lies above it, or if a HELLO said that it
is written. A known seq is MISSING if it is neither stored, nor named by a verified GAP (LOST), nor
among the refused. It is alarmed when the watermark has not moved for a stated time, and the alarm
is cleared when the seq comes, is named by a GAP, or no HELLO claims it any more.
"""

import dataclasses
from collections.abc import Callable

from sqlalchemy import Connection, bindparam, select

from sim.backend.alarms import Alarms
from sim.backend.tables import Stream, alarms, claims, refused, spans, streams

ALARM = "missing"
_MOST = 8
_AT_ONCE = 256
_SPANS = (
    select(spans.c.first, spans.c.last)
    .where((spans.c.dispenser == bindparam("d")) & (spans.c.epoch == bindparam("e")))
    .order_by(spans.c.first)
)
_REFUSED = (
    select(refused.c.seq)
    .distinct()
    .where((refused.c.dispenser == bindparam("d")) & (refused.c.epoch == bindparam("e")))
    .where(refused.c.open | refused.c.stored)
    .order_by(refused.c.seq)
)
_CLAIM = (
    select(claims.c.gateway)
    .where((claims.c.dispenser == bindparam("d")) & (claims.c.epoch == bindparam("e")))
    .order_by(claims.c.next.desc(), claims.c.gateway)
    .limit(1)
)
_STANDING = (
    select(alarms.c.id)
    .where((alarms.c.kind == ALARM) & alarms.c.cleared_at.is_(None))
    .where(alarms.c.dispenser == streams.c.dispenser, alarms.c.epoch == streams.c.epoch)
    .exists()
)
_LATE = (
    select(streams)
    .where(streams.c.behind_since <= bindparam("before"), ~_STANDING)
    .order_by(streams.c.dispenser, streams.c.epoch)
    .limit(_AT_ONCE)
    .with_for_update(skip_locked=True)
)


@dataclasses.dataclass(frozen=True, slots=True)
class Hole:
    """A closed range of seqs that are known of and not accounted for.

    `proven`: a verified record above says so; else a HELLO of `gateway` alone, which proves
    nothing.
    """

    first: int
    last: int
    proven: bool
    gateway: str

    def __str__(self) -> str:
        span = str(self.first) if self.first == self.last else f"{self.first} to {self.last}"
        return f"{span} (a later one is here)" if self.proven else f"{span} (says {self.gateway})"


def known(stream: Stream) -> int:
    """Return the first seq of a stream that nothing says anything of."""
    return max(stream.newest + 1, stream.claimed_next or 0)


def since(before: Stream, after: Stream, now: int) -> int | None:
    """Return since when a stream waits for what is known of; None if it waits for nothing."""
    if after.next >= known(after):
        return None
    if before.behind_since is None or before.next != after.next:
        return now
    return before.behind_since


def holes(db: Connection, stream: Stream) -> list[Hole]:
    """Return what is MISSING of a stream, lowest first, at most eight ranges."""
    here = {"d": stream.dispenser, "e": stream.epoch}
    accounted = [(row.first, row.last) for row in db.execute(_SPANS, here)]
    accounted += [(seq, seq) for seq in db.execute(_REFUSED, here).scalars()]
    gateway = db.execute(_CLAIM, here).scalar() or ""
    limits = [(0, stream.newest, True), (stream.newest + 1, known(stream) - 1, False)]
    return [
        Hole(first, last, proven, gateway)
        for lowest, highest, proven in limits
        for first, last in _between(sorted(accounted), lowest, highest)
    ][:_MOST]


def watch(db: Connection, clock: Callable[[], int], after_us: int) -> list[str]:
    """Alarm what has been missing for so long; returns lines for the log."""
    now = clock()
    late = [Stream(*row) for row in db.execute(_LATE, {"before": now - after_us})]
    return [line for stream in late if (line := _alarmed(db, clock, stream))]


def _alarmed(db: Connection, clock: Callable[[], int], stream: Stream) -> str | None:
    found = holes(db, stream)
    key = (stream.dispenser, stream.epoch)
    bell = Alarms(db, clock, key, registered=True, count=lambda _: None)
    text = f"never came: {', '.join(map(str, found))}"
    if not found or not bell.raise_(ALARM, found[0].first, text):
        return None
    return f"{stream.dispenser}/{stream.epoch}: missing at seq {found[0].first}: {text}"


def _between(accounted: list[tuple[int, int]], lowest: int, highest: int) -> list[tuple[int, int]]:
    found = []
    at = lowest
    for first, last in accounted:
        if first > highest:
            break
        if first > at:
            found.append((at, first - 1))
        at = max(at, last + 1)
    if at <= highest:
        found.append((at, highest))
    return found
