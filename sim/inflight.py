"""Where the records are right now: read from spool and store while their owners write."""

import dataclasses
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.gaps import type_of
from protocol.schema import RecordType
from sim.report import SPOOL, STORE, spools
from sim.stored import reading

# before its owner has made the file or all of its tables, or found that it is spoilt
_NOT_YET = ("unable to open", "no such table", "not a database", "malformed")


@dataclasses.dataclass(frozen=True, slots=True)
class Hop:
    """How far a dispenser's records have come: first seq not yet there."""

    spool: int
    store: int
    watermark: int


class InFlight:
    """Looks into a run's databases; a database that is not there yet holds nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = folder / STORE

    def of(self, dispenser: str, epoch: int) -> Hop:
        """Return how far one epoch has come."""
        where = (dispenser, epoch)
        query = "SELECT next FROM {} WHERE dispenser=? AND epoch=?"
        paths = spools(self._folder)
        return Hop(
            max(_number(path, query.format("cursor"), where) for path in paths),
            _number(self._store, query.format("streams"), where),
            max(_number(path, query.format("watermark"), where) for path in paths),
        )

    def all(self) -> dict[tuple[str, int], Hop]:
        """Return how far every epoch that a spool or the store knows has come."""
        spool: dict[tuple[str, int], int] = {}
        watermark: dict[tuple[str, int], int] = {}
        store = _nexts(self._store, "streams")
        for path in spools(self._folder):
            _raise(spool, _nexts(path, "cursor"))
            _raise(watermark, _nexts(path, "watermark"))
        return {
            key: Hop(spool.get(key, 0), store.get(key, 0), watermark.get(key, 0))
            for key in spool.keys() | store.keys() | watermark.keys()
        }

    def unstored(self, dispenser: str, epoch: int) -> list[int]:
        """Return the seqs that a spool holds and the store does not."""
        query = "SELECT seq FROM records WHERE dispenser=? AND epoch=?"
        spooled = (_numbers(path, query, (dispenser, epoch)) for path in spools(self._folder))
        held = set[int]().union(*spooled)
        return sorted(held - _numbers(self._store, query, (dispenser, epoch)))

    def waits_for_company(self, dispenser: str, epoch: int) -> bool:
        """Tell whether all that spools hold and the store does not are heartbeats.

        They cause no publication: they go with the next record that does.
        """
        query = "SELECT seq, raw FROM records WHERE dispenser=? AND epoch=?"
        rows = [
            row for path in spools(self._folder) for row in _rows(path, query, (dispenser, epoch))
        ]
        stored = _numbers(self._store, query.replace(", raw", ""), (dispenser, epoch))
        left = [raw for seq, raw in rows if seq not in stored]
        return bool(left) and all(type_of(raw) == RecordType.heartbeat for raw in left)

    def spooled(
        self, after: Mapping[tuple[str, int], int]
    ) -> dict[tuple[str, int], list[tuple[int, bytes, int]]]:
        """Return what gateways got of each epoch after a seq, from the first of them who did.

        As seq, bytes, Unix ns of arrival; an epoch of which nothing new came is not there.
        """
        query = """SELECT seq, raw, received_at FROM records
            WHERE dispenser=? AND epoch=? AND seq>? ORDER BY seq"""
        values = [(*key, seq) for key, seq in after.items()]
        found: dict[tuple[str, int], dict[int, tuple[int, bytes, int]]] = {}
        for path in spools(self._folder):
            for key, rows in zip(after, _each(path, query, values), strict=True):
                for seq, raw, at in rows:
                    found.setdefault(key, {}).setdefault(seq, (seq, raw, at * 1000))
        return {key: sorted(records.values()) for key, records in found.items()}

    def stored_at(self, dispenser: str, epoch: int, first: int) -> dict[int, int]:
        """Return Unix ns of the commit of each stored record from a seq on."""
        query = "SELECT seq, stored_at FROM records WHERE dispenser=? AND epoch=? AND seq>=?"
        return {seq: at * 1000 for seq, at in _rows(self._store, query, (dispenser, epoch, first))}

    def stored(self, dispenser: str, epoch: int, seq: int) -> bool:
        """Tell whether the store holds a record."""
        query = "SELECT seq FROM records WHERE dispenser=? AND epoch=? AND seq=?"
        return bool(_numbers(self._store, query, (dispenser, epoch, seq)))

    def refused(self, dispenser: str, epoch: int, seq: int) -> bool:
        """Tell whether the backend has refused these."""
        query = "SELECT seq FROM refused WHERE dispenser=? AND epoch=? AND seq=?"
        return bool(_numbers(self._store, query, (dispenser, epoch, seq)))


def _number(path: Path, query: str, values: tuple[str | int, ...]) -> int:
    return max(_numbers(path, query, values), default=0)


def _numbers(path: Path, query: str, values: tuple[str | int, ...]) -> set[int]:
    return {row[0] for row in _rows(path, query, values)}


def _nexts(path: Path, table: str) -> dict[tuple[str, int], int]:
    rows = _rows(path, f"SELECT dispenser, epoch, next FROM {table}", ())
    return {(dispenser, epoch): following for dispenser, epoch, following in rows}


def _raise(highest: dict[tuple[str, int], int], found: Mapping[tuple[str, int], int]) -> None:
    for key, value in found.items():
        highest[key] = max(value, highest.get(key, 0))


def _rows(path: Path, query: str, values: tuple[str | int, ...]) -> list[sqlite3.Row]:
    return _each(path, query, [values])[0]


def _each(
    path: Path, query: str, values: Sequence[tuple[str | int, ...]]
) -> list[list[sqlite3.Row]]:
    """Ask the same of a database with many values, opened once."""
    try:
        with reading(path) as db:
            return [db.execute(query, each).fetchall() for each in values]
    except sqlite3.DatabaseError as error:
        if not any(words in str(error) for words in _NOT_YET):
            raise
        return [[] for _ in values]


def alter(folder: Path, dispenser: str, epoch: int, seq: int) -> None:
    """Flip one bit of a record in the spool of a gateway that is not running."""
    with sqlite3.connect(folder / SPOOL) as db:
        where = (dispenser, epoch, seq)
        select = "SELECT raw FROM records WHERE dispenser=? AND epoch=? AND seq=?"
        ((raw,),) = db.execute(select, where).fetchall()
        # a bit of the time: the record stays readable
        altered = raw[:8] + bytes([raw[8] ^ 1]) + raw[9:]
        db.execute(
            "UPDATE records SET raw=? WHERE dispenser=? AND epoch=? AND seq=?", (altered, *where)
        )
    db.close()
