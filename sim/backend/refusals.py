"""Refused records of one stream: kept, asked for again, and passed only where that is proved.

A record that failed verification is asked for again. If the journal gives the same bytes twice,
they are stored as REFUSED; the watermark passes them only below a verified record of the same
epoch. Nobody can make that one without the dispenser's key, so bytes for seqs that are not
written yet move nothing.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update

from sim.backend import watermark
from sim.backend.tables import RefusedRecord, refused
from sim.backend.verify import UNKNOWN_DISPENSER, UNKNOWN_EPOCH, Claim

MAX_REFUSED_ROWS = 1000
"""Refused rows kept per registered dispenser (and as many stored as REFUSED); all others share
one such bound."""
_STREAM = (refused.c.dispenser == bindparam("d")) & (refused.c.epoch == bindparam("e"))
_ANY = select(refused.c.id).where(_STREAM).limit(1)
_FIELDS = [refused.c[field.name] for field in dataclasses.fields(RefusedRecord)]
_SAME = (
    _STREAM
    & (refused.c.seq == bindparam("s"))
    & (refused.c.raw == bindparam("r"))
    & (refused.c.previous == bindparam("p"))
    & (refused.c.reason == bindparam("why"))
)
_FIND = select(*_FIELDS).where(_SAME)
_GIVE_UP = update(refused).where(_SAME).values(stored=True, open=False)
_BETWEEN = _STREAM & refused.c.seq.between(bindparam("from"), bindparam("to"))
_REPLACED = update(refused).where(_BETWEEN & refused.c.stored).values(stored=False)
_PASSED = update(refused).where(_BETWEEN & refused.c.open).values(open=False)
_BELOW = (
    select(refused.c.seq)
    .distinct()
    .where(_STREAM & refused.c.stored & (refused.c.seq < bindparam("newest")))
)
_BELOW = _BELOW.order_by(refused.c.seq)
_STORED = select(func.count()).where(refused.c.dispenser == bindparam("d"), refused.c.stored)


class Refusals:
    """Writes in one open transaction; `count` is told what was dropped."""

    def __init__(
        self,
        db: Connection,
        clock: Callable[[], int],
        stream: tuple[str, int],
        *,
        registered: bool,
        count: Callable[[str], None],
    ) -> None:
        self._db = db
        self._clock = clock
        self._dispenser, self._epoch = stream
        self._here = {"d": self._dispenser, "e": self._epoch}
        self._registered = registered
        self._count = count
        self._known_any: bool | None = None

    def find(self, claim: Claim) -> RefusedRecord | None:
        """Return the refused row of these very bytes and reason, None if they are new."""
        row = self._db.execute(_FIND, self._same(claim)).first()
        return None if row is None else RefusedRecord(*row)

    def add(self, claim: Claim, gateway: str, *, wanted: bool) -> None:
        """Insert a refused row; `wanted` asks for the record again unless its key is passed.

        Beyond the bound the oldest row that is not wanted any more makes room.
        """
        self._make_room()
        here = (self._db, self._dispenser, self._epoch)
        row = RefusedRecord(
            dispenser=self._dispenser,
            epoch=self._epoch,
            seq=claim.seq,
            raw=claim.raw,
            previous=claim.previous,
            reason=str(claim.reason),
            gateway=gateway,
            received_at=self._clock(),
            named_at=None,
            open=wanted and not watermark.covered(*here, claim.seq),
            stored=False,
        )
        self._db.execute(insert(refused), dataclasses.asdict(row))
        self._known_any = True

    def give_up(self, claim: Claim) -> bool:
        """Store these bytes as REFUSED, not asked for any more; False if the bound is met."""
        full = int(self._db.execute(_STORED, {"d": self._dispenser}).scalar_one())
        if full >= MAX_REFUSED_ROWS:
            return False
        self._db.execute(_GIVE_UP, self._same(claim))
        return True

    def replaced(self, first: int, last: int) -> None:
        """Note that these seqs are stored verified: REFUSED rows pass nothing there any more."""
        if self._any():
            self._db.execute(_REPLACED, self._here | {"from": first, "to": last})

    def passed(self, first: int, last: int) -> None:
        """Note that the watermark may pass these seqs: nothing there is asked for any more."""
        if self._any():
            self._db.execute(_PASSED, self._here | {"from": first, "to": last})

    def below(self, newest: int) -> list[int]:
        """Return the seqs stored as REFUSED below the newest verified one."""
        if not self._any():
            return []
        return list(self._db.execute(_BELOW, self._here | {"newest": newest}).scalars())

    def wanted(self) -> list[int]:
        """Return the seqs asked for again, lowest first, as many as a WATERMARK can name."""
        if not self._any():
            return []
        return watermark.wanted(self._db, self._dispenser, self._epoch)

    def _any(self) -> bool:
        # nearly every stream has none: one look instead of several updates
        if self._known_any is None:
            self._known_any = self._db.execute(_ANY, self._here).first() is not None
        return self._known_any

    def _make_room(self) -> None:
        if self._registered:
            mine = refused.c.dispenser == self._dispenser
        else:
            mine = refused.c.reason.in_((UNKNOWN_DISPENSER, UNKNOWN_EPOCH))
        mine &= ~refused.c.stored
        if self._number(select(func.count()).where(mine)) < MAX_REFUSED_ROWS:
            return
        self._count("refused_dropped")
        oldest = select(refused.c.id).where(mine).order_by(refused.c.open, refused.c.id).limit(1)
        self._db.execute(delete(refused).where(refused.c.id.in_(oldest.scalar_subquery())))

    def _same(self, claim: Claim) -> dict[str, Any]:
        return self._here | {
            "s": claim.seq,
            "r": claim.raw,
            "p": claim.previous,
            "why": claim.reason,
        }

    def _number(self, query: Select[Any]) -> int:
        return int(self._db.execute(query).scalar_one())
