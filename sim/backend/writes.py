"""Idempotent writes of one transaction. Every bound that keeps bad input from filling the disk."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from protocol.schema import FIRST_TAG, Gap, GapCause, Record, Watermark
from sim.backend import watermark
from sim.backend.tables import (
    FORK,
    VERIFIED,
    Alarm,
    RefusedRecord,
    StoredGap,
    alarms,
    counters,
    forks,
    gaps,
    records,
    refused,
    streams,
)
from sim.backend.verify import Claim

MAX_REFUSED_ROWS = 1000
"""Refused rows kept per registered dispenser (and as many stored as REFUSED); all others share
one such bound."""
MAX_ALARMS = 1000
"""Alarms kept per kind and registered dispenser; all others share one such bound per kind."""
_TEXT = 160


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """What the store holds for a seq."""

    seq: int
    raw: bytes
    previous: bytes
    gateway: str
    status: str


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Rows inserted together: what `Store` corrects `stored_at` of, after the flush."""

    dispenser: str
    epoch: int
    first: int
    last: int
    stored_at: int


class Writer:
    """Writes of one open transaction, for one stream at one gateway."""

    def __init__(
        self,
        db: Connection,
        clock: Callable[[], int],
        stream: tuple[str, int, str],
        *,
        registered: bool,
    ) -> None:
        self.batches: list[Batch] = []
        self._db = db
        self._clock = clock
        self._dispenser, self._epoch, self._gateway = stream
        self._registered = registered

    def held(self, seqs: Iterable[int]) -> dict[int, Held]:
        """Return what is stored for these seqs."""
        columns = (records.c[field.name] for field in dataclasses.fields(Held))
        found = self._db.execute(
            select(*columns).where(self._of(records), records.c.seq.in_(sorted(seqs)))
        )
        return {row.seq: Held(*row) for row in found}

    def add(self, claims: Sequence[tuple[Claim, Record]]) -> None:
        """Insert verified records of new keys and let the watermark pass them."""
        now = self._clock()
        self._db.execute(insert(records), [self._row(*pair, now) for pair in claims])
        for first, last in _runs(sorted(claim.seq for claim, _ in claims)):
            self.batches.append(Batch(self._dispenser, self._epoch, first, last, now))
            self.cover(first, last)
            passed = self._of(refused) & refused.c.seq.between(first, last) & refused.c.stored
            self._db.execute(update(refused).where(passed).values(stored=False))

    def cover(self, first: int, last: int) -> None:
        """Let the watermark pass a closed range; what was refused there is not wanted any more."""
        watermark.cover(self._db, self._dispenser, self._epoch, first, last)
        wanted = self._of(refused) & refused.c.seq.between(first, last) & refused.c.open
        self._db.execute(update(refused).where(wanted).values(open=False))

    def add_gap(self, seq: int, gap: Gap) -> None:
        """Insert the range that a verified GAP names, and let the watermark pass it."""
        row = StoredGap(self._dispenser, self._epoch, seq, gap.first, gap.last, int(gap.cause))
        self._db.execute(insert(gaps).values(dataclasses.asdict(row)))
        self.cover(gap.first, gap.last)

    def jumps(self) -> dict[int, int]:
        """Return, by seq of each GAP that closes a damaged range, the first seq of that range."""
        found = select(gaps.c.seq, gaps.c.first).where(
            self._of(gaps),
            gaps.c.cause == int(GapCause.damaged),
            gaps.c.last == gaps.c.seq - 1,
        )
        return {row.seq: row.first for row in self._db.execute(found)}

    def fork(self, held: Held, claim: Claim) -> bool:
        """Keep every version of a key aside; False if this one was aside already.

        The row in `records` becomes the smallest version, so that order does not matter.
        """
        new = Held(claim.seq, claim.raw, claim.previous, self._gateway, FORK)
        fresh = [self._aside(version) for version in (held, new)]
        if not any(fresh):
            return False
        smallest = min((held, new), key=lambda version: version.raw)
        if smallest is new and claim.record is not None:
            row = self._row(claim, claim.record, self._clock()) | {"status": FORK}
        else:
            row = {"status": FORK}
        key = self._of(records) & (records.c.seq == claim.seq)
        self._db.execute(update(records).where(key).values(row))
        return True

    def _aside(self, version: Held) -> bool:
        same = self._of(forks) & (forks.c.seq == version.seq) & (forks.c.raw == version.raw)
        if self._db.execute(select(forks.c.id).where(same)).first() is not None:
            return False
        row = dataclasses.asdict(version) | self._key(version.seq)
        row = row | {"gateway": version.gateway, "received_at": self._clock()}
        del row["status"]
        self._db.execute(insert(forks).values(row))
        return True

    def refusal(self, claim: Claim) -> RefusedRecord | None:
        """Return the refused row of these very bytes and reason, None if they are new."""
        columns = [refused.c[field.name] for field in dataclasses.fields(RefusedRecord)]
        same = self._same(claim) & (refused.c.reason == claim.reason)
        row = self._db.execute(select(*columns).where(same)).first()
        return None if row is None else RefusedRecord(*row)

    def refuse(self, claim: Claim, *, wanted: bool) -> None:
        """Insert a refused row; `wanted` asks for the record again unless its key is passed.

        Beyond the bound the oldest row that is not wanted any more makes room.
        """
        self._make_room()
        asked = wanted and not watermark.covered(self._db, self._dispenser, self._epoch, claim.seq)
        row = RefusedRecord(
            dispenser=self._dispenser,
            epoch=self._epoch,
            seq=claim.seq,
            raw=claim.raw,
            previous=claim.previous,
            reason=str(claim.reason),
            gateway=self._gateway,
            received_at=self._clock(),
            named_at=None,
            open=asked,
            stored=False,
        )
        self._db.execute(insert(refused).values(dataclasses.asdict(row)))

    def give_up(self, claim: Claim) -> bool:
        """Store these bytes as REFUSED and let the watermark pass; False if the bound is met."""
        full = select(func.count()).where(refused.c.dispenser == self._dispenser, refused.c.stored)
        if self._number(full) >= MAX_REFUSED_ROWS:
            return False
        same = self._same(claim) & (refused.c.reason == claim.reason)
        self._db.execute(update(refused).where(same).values(stored=True))
        self.cover(claim.seq, claim.seq)
        return True

    def alarm(self, kind: str, seq: int | None, text: str) -> bool:
        """Raise an alarm once per kind, stream and seq; False if it was known or met its bound."""
        of_kind = alarms.c.kind == kind
        same = of_kind & self._of(alarms) & alarms.c.seq.is_not_distinct_from(seq)
        if self._db.execute(select(alarms.c.id).where(same)).first() is not None:
            return False
        if self._registered:
            of_kind &= alarms.c.dispenser == self._dispenser
        if self._number(select(func.count()).where(of_kind)) >= MAX_ALARMS:
            self.count("alarms_dropped")
            return False
        row = Alarm(self._clock(), kind, self._dispenser, self._epoch, seq, text[:_TEXT])
        self._db.execute(insert(alarms).values(dataclasses.asdict(row)))
        return True

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        if by:
            add(self._db, name, by)

    def ensure_stream(self) -> None:
        """Make the stream's row if it is not there; only for registered dispensers."""
        if self._db.execute(select(streams.c.rev).where(self._of(streams))).first() is None:
            values = {"next": 0, "tag": FIRST_TAG, "rev": 0, "gateway": ""}
            self._db.execute(insert(streams).values(self._key() | values))

    def claim_next(self, claimed: int) -> None:
        """Remember what a HELLO says of the stream."""
        values = {"claimed_next": claimed, "claimed_gateway": self._gateway}
        values |= {"claimed_at": self._clock()}
        self._db.execute(update(streams).where(self._of(streams)).values(values))

    def came_from_here(self) -> None:
        """Note that the newest verified record came from this gateway."""
        values = {"gateway": self._gateway}
        self._db.execute(update(streams).where(self._of(streams)).values(values))

    def advance(self) -> None:
        """Compute the stream's `next` anew and move its `rev`."""
        watermark.advance(self._db, self._dispenser, self._epoch)

    def watermark(self, store: int) -> Watermark:
        """Return the stream's WATERMARK as it will be after COMMIT."""
        return watermark.read(self._db, store, self._dispenser, self._epoch)

    def _make_room(self) -> None:
        if self._registered:
            mine = refused.c.dispenser == self._dispenser
        else:
            mine = refused.c.reason.in_(("unknown_dispenser", "unknown_epoch"))
        mine &= ~refused.c.stored
        if self._number(select(func.count()).where(mine)) < MAX_REFUSED_ROWS:
            return
        self.count("refused_dropped")
        oldest = select(refused.c.id).where(mine).order_by(refused.c.open, refused.c.id).limit(1)
        self._db.execute(delete(refused).where(refused.c.id.in_(oldest.scalar_subquery())))

    def _row(self, claim: Claim, record: Record, now: int) -> dict[str, Any]:
        return self._key(claim.seq) | {
            "boot": record.boot,
            "time": record.time,
            "stamp": record.stamp,
            "type": record.type,
            "data": record.data,
            "raw": claim.raw,
            "previous": claim.previous,
            "gateway": self._gateway,
            "stored_at": now,
            "status": VERIFIED,
        }

    def _key(self, seq: int | None = None) -> dict[str, Any]:
        stream = {"dispenser": self._dispenser, "epoch": self._epoch}
        return stream if seq is None else stream | {"seq": seq}

    def _of(self, table: Table) -> ColumnElement[bool]:
        return (table.c.dispenser == self._dispenser) & (table.c.epoch == self._epoch)

    def _same(self, claim: Claim) -> ColumnElement[bool]:
        key = self._of(refused) & (refused.c.seq == claim.seq)
        return key & (refused.c.raw == claim.raw) & (refused.c.previous == claim.previous)

    def _number(self, query: Select[Any]) -> int:
        return int(self._db.execute(query).scalar_one())


def add(db: Connection, name: str, by: int) -> None:
    """Add to a counter of the store."""
    changed = update(counters).where(counters.c.name == name).values(value=counters.c.value + by)
    if not db.execute(changed).rowcount:
        db.execute(insert(counters).values(name=name, value=by))


def _runs(seqs: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for seq in seqs:
        if runs and runs[-1][1] == seq - 1:
            runs[-1] = (runs[-1][0], seq)
        else:
            runs.append((seq, seq))
    return runs
