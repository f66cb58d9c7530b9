"""Idempotent writes of one stream in one open transaction.

Every query is made once and given its values when it runs: making it anew costs more than it.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from protocol.schema import FIRST_TAG, Gap, GapCause, Record, Watermark
from sim.backend import commands, missing, watermark
from sim.backend.alarms import Alarms
from sim.backend.refusals import Refusals
from sim.backend.tables import (
    FORK,
    VERIFIED,
    RefusedRecord,
    StoredGap,
    Stream,
    claims,
    forks,
    gaps,
    records,
    streams,
)
from sim.backend.upsert import insert_missing, replace
from sim.backend.verify import Claim

_STREAM = (streams.c.dispenser == bindparam("d")) & (streams.c.epoch == bindparam("e"))
_LOCK = select(streams).where(_STREAM).with_for_update()
_MOVING = ("next", "tag", "rev", "gateway", "newest", "claimed_next", "behind_since")
_MOVE = update(streams).where(_STREAM).values({name: bindparam(name) for name in _MOVING})
_RECORDS = (records.c.dispenser == bindparam("d")) & (records.c.epoch == bindparam("e"))
_JUMPS = select(gaps.c.seq, gaps.c.first).where(
    (gaps.c.dispenser == bindparam("d"))
    & (gaps.c.epoch == bindparam("e"))
    & (gaps.c.cause == int(GapCause.damaged))
    & (gaps.c.last == gaps.c.seq - 1)
)
_CLAIMED = select(func.max(claims.c.next)).where(
    (claims.c.dispenser == bindparam("d")) & (claims.c.epoch == bindparam("e"))
)
_NEAR = 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """What the store holds for a seq."""

    seq: int
    raw: bytes
    previous: bytes
    gateway: str
    status: str


_HELD = select(*(records.c[field.name] for field in dataclasses.fields(Held))).where(_RECORDS)
_HELD_BETWEEN = _HELD.where(records.c.seq.between(bindparam("first"), bindparam("last")))
_HELD_AMONG = _HELD.where(records.c.seq.in_(bindparam("seqs", expanding=True)))


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Rows inserted together: what `Store` corrects `stored_at` of, after the flush."""

    dispenser: str
    epoch: int
    first: int
    last: int
    stored_at: int


class Writer:
    """Writes of one open transaction for one stream; `gateway` is who sent what comes now."""

    def __init__(
        self,
        db: Connection,
        clock: Callable[[], int],
        stream: tuple[str, int],
        *,
        registered: bool,
    ) -> None:
        self.gateway = ""
        self.batches: list[Batch] = []
        self.counts: Counter[str] = Counter()
        self._db = db
        self._clock = clock
        self._dispenser, self._epoch = stream
        self._here = {"d": self._dispenser, "e": self._epoch}
        self._before = self._stream = self._locked() if registered else None
        self._jumps: dict[int, int] | None = None
        self._changed = False
        self._alarms = Alarms(db, clock, stream, registered=registered, count=self.count)
        self._refusals = Refusals(db, clock, stream, registered=registered, count=self.count)

    def _locked(self) -> Stream:
        row = self._db.execute(_LOCK, self._here).first()
        if row is None:
            values = {"next": 0, "tag": FIRST_TAG, "rev": 0, "gateway": "", "newest": -1}
            insert_missing(self._db, streams, self._key() | values)
            row = self._db.execute(_LOCK, self._here).one()
        return Stream(*row)

    @property
    def moved(self) -> bool:
        """Whether `finish` made the stream's rev grow."""
        return self._changed and self._before is not None

    def held(self, seqs: Iterable[int]) -> dict[int, Held]:
        """Return what is stored for these seqs, and maybe for some between them."""
        wanted = sorted(seqs)
        if not wanted:
            return {}
        if wanted[-1] - wanted[0] < _NEAR:
            between = {"first": wanted[0], "last": wanted[-1]}
            found = self._db.execute(_HELD_BETWEEN, self._here | between)
        else:
            found = self._db.execute(_HELD_AMONG, self._here | {"seqs": wanted})
        return {row.seq: Held(*row) for row in found}

    def add(self, claims: Sequence[tuple[Claim, Record]]) -> None:
        """Insert verified records of new keys and let the watermark pass them."""
        now = self._clock()
        self._db.execute(insert(records), [self._values(*pair, now) for pair in claims])
        for first, last in runs(sorted(claim.seq for claim, _ in claims)):
            self.batches.append(Batch(self._dispenser, self._epoch, first, last, now))
            self.cover(first, last)
            self._refusals.replaced(first, last)
        self._changed = True

    def cover(self, first: int, last: int) -> None:
        """Let the watermark pass a closed range; what was refused there is not wanted any more."""
        watermark.cover(self._db, self._dispenser, self._epoch, first, last)
        self._refusals.passed(first, last)

    def add_gap(self, seq: int, gap: Gap) -> None:
        """Insert the range that a verified GAP names, and let the watermark pass it."""
        row = StoredGap(self._dispenser, self._epoch, seq, gap.first, gap.last, int(gap.cause))
        self._db.execute(insert(gaps).values(dataclasses.asdict(row)))
        self.cover(gap.first, gap.last)
        if self._jumps is not None and gap.cause == GapCause.damaged and gap.last == seq - 1:
            self._jumps[seq] = gap.first

    def jumps(self) -> dict[int, int]:
        """Return, by seq of each GAP that closes a damaged range, the first seq of that range."""
        if self._jumps is None:
            found = self._db.execute(_JUMPS, self._here)
            self._jumps = {row.seq: row.first for row in found}
        return self._jumps

    def command_told(self, record: Record) -> None:
        """Take note of a verified record that tells what became of a command."""
        commands.told(self._db, self._clock(), (self._dispenser, self._epoch), record)

    def fork(self, held: Held, claim: Claim) -> bool:
        """Keep every version of a key aside; False if this one was aside already.

        The row in `records` becomes the smallest version, so that order does not matter.
        """
        new = Held(claim.seq, claim.raw, claim.previous, self.gateway, FORK)
        fresh = [self._aside(version) for version in (held, new)]
        if not any(fresh):
            return False
        smallest = min((held, new), key=lambda version: version.raw)
        row: dict[str, Any] = {"status": FORK}
        if smallest is new and claim.record is not None:
            row = self._values(claim, claim.record, self._clock()) | row
        self._db.execute(
            update(records).where(_RECORDS & (records.c.seq == bindparam("s"))).values(row),
            self._here | {"s": claim.seq},
        )
        self._changed = True
        return True

    def _aside(self, version: Held) -> bool:
        row = self._key(version.seq) | {
            "raw": version.raw,
            "previous": version.previous,
            "gateway": version.gateway,
            "received_at": self._clock(),
        }
        return insert_missing(self._db, forks, row)

    def refusal(self, claim: Claim) -> RefusedRecord | None:
        """Return the refused row of these very bytes and reason, None if they are new."""
        return self._refusals.find(claim)

    def refuse(self, claim: Claim, *, wanted: bool) -> None:
        """Insert a refused row; `wanted` asks for the record again unless its key is passed."""
        self._refusals.add(claim, self.gateway, wanted=wanted)
        self._changed = True

    def give_up(self, claim: Claim) -> bool:
        """Store these bytes as REFUSED; False if the bound is met.

        The watermark passes them as soon as a later record of this epoch has verified: bytes for
        a seq that nobody has written yet prove nothing about the journal.
        """
        self._changed = True
        return self._refusals.give_up(claim)

    def alarm(self, kind: str, seq: int | None, text: str) -> bool:
        """Raise an alarm once per kind, stream and seq; False if it was known or met its bound."""
        return self._alarms.raise_(kind, seq, text)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter, if this transaction commits."""
        if by:
            self.counts[name] += by

    def claim(self, first: int, following: int) -> None:
        """Remember what a HELLO at this gateway says of the stream."""
        row = self._key() | {"gateway": self.gateway, "first": first, "next": following}
        row |= {"at": self._clock()}
        replace(self._db, claims, row, ("first", "next", "at"))
        claimed = self._db.execute(_CLAIMED, self._here).scalar_one()
        self._change(claimed_next=claimed)

    def came_from_here(self, newest: int) -> None:
        """Note up to where verified records came from this gateway: the newest one decides."""
        if self._stream is not None and newest > self._stream.newest:
            self._change(gateway=self.gateway, newest=newest)

    def finish(self, store: int) -> Watermark | None:
        """Write what follows from all that was written; returns the WATERMARK after COMMIT.

        None for a dispenser that is not registered.
        """
        if self._before is None or self._stream is None:
            return None
        if self._changed:
            for seq in self._refusals.below(self._stream.newest):
                self.cover(seq, seq)
        ranges = watermark.passed(self._db, self._dispenser, self._epoch)
        if self._changed:
            following = watermark.next_of(ranges)
            tag = watermark.tag_before(self._db, self._dispenser, self._epoch, following)
            self._change(next=following, tag=tag, rev=self._stream.rev + 1)
        self._change(behind_since=missing.since(self._before, self._stream, self._clock()))
        if self._before.behind_since is not None:
            self._alarms.clear(missing.ALARM, self._is_known_or_there)
        if self._stream != self._before:
            values = dataclasses.asdict(self._stream)
            self._db.execute(_MOVE, self._here | {name: values[name] for name in _MOVING})
        return watermark.made(store, self._stream, ranges, self._refusals.wanted())

    def _change(self, **values: Any) -> None:
        if self._stream is not None:
            self._stream = dataclasses.replace(self._stream, **values)

    def _is_known_or_there(self, seq: int) -> bool:
        if self._stream is not None and seq >= missing.known(self._stream):
            return True
        return watermark.covered(self._db, self._dispenser, self._epoch, seq)

    def _values(self, claim: Claim, record: Record, now: int) -> dict[str, Any]:
        return {
            "dispenser": self._dispenser,
            "epoch": self._epoch,
            "seq": claim.seq,
            "boot": record.boot,
            "time": record.time,
            "stamp": record.stamp,
            "type": record.type,
            "data": record.data,
            "raw": claim.raw,
            "previous": claim.previous,
            "gateway": self.gateway,
            "stored_at": now,
            "status": VERIFIED,
        }

    def _key(self, seq: int | None = None) -> dict[str, Any]:
        stream: dict[str, Any] = {"dispenser": self._dispenser, "epoch": self._epoch}
        return stream if seq is None else stream | {"seq": seq}


def runs(seqs: Sequence[int]) -> list[tuple[int, int]]:
    """Return ascending seqs as closed ranges."""
    found: list[tuple[int, int]] = []
    for seq in seqs:
        if found and found[-1][1] == seq - 1:
            found[-1] = (found[-1][0], seq)
        else:
            found.append((seq, seq))
    return found
