"""Entries of people, in SQLite: appended, never changed or removed, which the database enforces.

The time of an entry is the ledger's own, so that a past state can be read again.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from sim.backend.evidence.programme import Entry, Kind, Programme, RuleError

_LONGEST = 200
_FOREVER = (1 << 63) - 1
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, by TEXT NOT NULL, episode TEXT NOT NULL,
    kind TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER, value TEXT NOT NULL,
    replaces INTEGER UNIQUE REFERENCES entries (id)
) STRICT;
CREATE TRIGGER IF NOT EXISTS entries_stay BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
CREATE TRIGGER IF NOT EXISTS entries_last BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END;
"""


class LedgerError(RuntimeError):
    """The file cannot be this ledger, or cannot be written; one line."""


class Ledger:
    """An open ledger; `clock` gives unix ms. Raises LedgerError if the file is something else."""

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        self._path = path
        self._clock = clock
        with self._translated():
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5)
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.executescript(_TABLES)
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def enter(
        self,
        by: str,
        episode: str,
        kind: Kind,
        start: int,
        end: int | None = None,
        value: str = "",
        replaces: int | None = None,
    ) -> Entry:
        """Append an entry; on disk when this returns.

        Raises RuleError if it contradicts what is in force, LedgerError if it cannot be written.
        """
        _check_words(by=by, episode=episode, value=value)
        with self._transaction():
            known = self.entries()
            number = len(known) + 1
            entry = Entry(number, self._clock(), by, episode, kind, start, end, value, replaces)
            Programme([*known, entry])
            row = (number, entry.at, by, episode, kind.value, start, end, value, replaces)
            self._db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return entry

    def entries(self, as_of: int | None = None) -> list[Entry]:
        """Return all entries by id, or those made up to a moment."""
        last = _FOREVER if as_of is None else as_of
        with self._translated():
            rows = self._db.execute(
                "SELECT * FROM entries WHERE at <= ? ORDER BY id", (last,)
            ).fetchall()
        return [_entry(row) for row in rows]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OverflowError) as error:
            raise LedgerError(f"ledger {self._path}: {error}") from error


def _entry(row: tuple[Any, ...]) -> Entry:
    number, at, by, episode, kind, start, end, value, replaces = row
    return Entry(number, at, by, episode, Kind(kind), start, end, value, replaces)


def _check_words(**words: str) -> None:
    for name, text in words.items():
        if len(text) > _LONGEST or not text.isprintable():
            raise RuleError(f"{name}: longer than {_LONGEST} characters, or not printable")
    for name in ("by", "episode"):
        if not words[name]:
            raise RuleError(f"{name}: is empty")
