"""Entries of people and frozen reports, in SQLite: appended, never changed or removed.

The database itself enforces that, by triggers.
The time of an entry is the ledger's own, so that a past state can be read again.
"""

import contextlib
import dataclasses
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from sim.backend.evidence.entries import Draft, Entry, Kind, RuleError
from sim.backend.evidence.programme import Programme

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
CREATE TABLE IF NOT EXISTS frozen (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, by TEXT NOT NULL, episode TEXT NOT NULL,
    period TEXT NOT NULL, version INTEGER NOT NULL, text TEXT NOT NULL,
    UNIQUE (episode, period, version)
) STRICT;
CREATE TRIGGER IF NOT EXISTS frozen_stay BEFORE UPDATE ON frozen
    BEGIN SELECT RAISE(ABORT, 'frozen reports are never changed'); END;
CREATE TRIGGER IF NOT EXISTS frozen_last BEFORE DELETE ON frozen
    BEGIN SELECT RAISE(ABORT, 'frozen reports are never removed'); END;
"""
_COLUMNS: Final = "at, by, episode, period, version, text"


class LedgerError(RuntimeError):
    """The file cannot be this ledger, or cannot be written; one line."""


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    """A report as it was when a person froze it; `version` counts from 1 for its period."""

    at: int
    by: str
    episode: str
    period: str
    version: int
    text: str


class Ledger:
    """An open ledger; `clock` gives unix ms.

    Raises LedgerError if the file is something else, or is not there and may not be made.
    """

    def __init__(self, path: Path, clock: Callable[[], int], *, create: bool = True) -> None:
        self._path = path
        self._clock = clock
        if not create and not path.is_file():
            raise LedgerError(f"ledger {path}: no such file")
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
        return self.extend([Draft(by, episode, kind, start, end, value, replaces)])[0]

    def extend(self, drafts: Sequence[Draft]) -> list[Entry]:
        """Append entries, all or none of them; raises what `enter` raises."""
        for draft in drafts:
            _check_words(by=draft.by, episode=draft.episode, value=draft.value)
        with self._transaction():
            known = self.entries()
            new = [
                Entry(number, self._clock(), **dataclasses.asdict(draft))
                for number, draft in enumerate(drafts, len(known) + 1)
            ]
            Programme([*known, *new])
            rows = [dataclasses.astuple(entry) for entry in new]
            self._db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        return new

    def freeze(self, by: str, episode: str, period: str, text: str) -> Frozen:
        """Append a report as the next version of its period; on disk when this returns.

        Raises RuleError for words that no terminal should see, LedgerError if it cannot be
        written.
        """
        _check_words(by=by, episode=episode, period=period)
        with self._transaction():
            version = len(self.frozen(episode, period)) + 1
            made = Frozen(self._clock(), by, episode, period, version, text)
            self._db.execute(
                f"INSERT INTO frozen ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
                dataclasses.astuple(made),
            )
        return made

    def frozen(self, episode: str, period: str) -> list[Frozen]:
        """Return all versions of a period's report, oldest first."""
        with self._translated():
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM frozen WHERE episode = ? AND period = ? ORDER BY version",
                (episode, period),
            ).fetchall()
        return [Frozen(*row) for row in rows]

    def entries(self, as_of: int | None = None) -> list[Entry]:
        """Return all entries by id, or those made up to a moment."""
        last = _FOREVER if as_of is None else as_of
        with self._translated():
            rows = self._db.execute(
                "SELECT * FROM entries WHERE at <= ? ORDER BY id", (last,)
            ).fetchall()
        return [_entry(row) for row in rows]

    def newest(self) -> int:
        """Return the id of the newest entry, 0 if there is none: the same means nothing is new."""
        with self._translated():
            found = self._db.execute("SELECT coalesce(max(id), 0) FROM entries").fetchone()
        return int(found[0])

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
