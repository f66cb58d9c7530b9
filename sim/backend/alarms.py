"""Alarms of one stream: raised once, cleared when what they told of is mended."""

from collections.abc import Callable

from sqlalchemy import Connection, bindparam, func, insert, select, update

from sim.backend.tables import alarms

MAX_ALARMS = 1000
"""Alarms kept per kind and registered dispenser; all others share one such bound per kind."""
_TEXT = 160
_STREAM = (alarms.c.dispenser == bindparam("d")) & (alarms.c.epoch == bindparam("e"))
_OF_KIND = alarms.c.kind == bindparam("k")
_SAME = select(alarms.c.id, alarms.c.cleared_at).where(
    _STREAM & _OF_KIND & alarms.c.seq.is_not_distinct_from(bindparam("s"))
)
_OPEN = select(alarms.c.id, alarms.c.seq).where(_STREAM & _OF_KIND & alarms.c.cleared_at.is_(None))
_NUMBER = select(func.count()).where(_OF_KIND)
_BY_ID = alarms.c.id == bindparam("id_")


class Alarms:
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

    def raise_(self, kind: str, seq: int | None, text: str) -> bool:
        """Raise an alarm once per kind, stream and seq; False if it stands or met its bound."""
        same = self._db.execute(_SAME, self._here | {"k": kind, "s": seq}).first()
        if same is not None:
            return same.cleared_at is not None and self._again(same.id, text)
        if self._is_full(kind):
            self._count("alarms_dropped")
            return False
        row = {
            "at": self._clock(),
            "kind": kind,
            "dispenser": self._dispenser,
            "epoch": self._epoch,
            "seq": seq,
            "text": text[:_TEXT],
        }
        self._db.execute(insert(alarms), row)
        return True

    def clear(self, kind: str, mended: Callable[[int], bool]) -> None:
        """Clear the standing alarms of a kind whose seq is mended."""
        for row in self._db.execute(_OPEN, self._here | {"k": kind}).all():
            if mended(row.seq):
                cleared = update(alarms).where(_BY_ID).values(cleared_at=self._clock())
                self._db.execute(cleared, {"id_": row.id})

    def _again(self, row: int, text: str) -> bool:
        anew = {"at": self._clock(), "text": text[:_TEXT], "cleared_at": None}
        self._db.execute(update(alarms).where(_BY_ID).values(anew), {"id_": row})
        return True

    def _is_full(self, kind: str) -> bool:
        number = _NUMBER
        if self._registered:
            number = number.where(alarms.c.dispenser == self._dispenser)
        return int(self._db.execute(number, {"k": kind}).scalar_one()) >= MAX_ALARMS
