"""One SQLite database, one writer thread, one transaction per burst of jobs.

A job's answer comes after COMMIT with synchronous=FULL: what it wrote survives a power cut
(https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from gateway import aside, wal
from gateway.ballast import Ballast
from gateway.counters import Counters

T = TypeVar("T")
Connection = sqlite3.Connection
_log = logging.getLogger(__name__)
_BUSY_TIMEOUT = 0.5
MAX_BYTES = 256 << 20
"""Size of the database at most, unless told otherwise."""
_PAGE = 4096
_RESERVE_PAGES = 64
_CHECKPOINT_AFTER = 64
_CHECKPOINT_PAGES = 400
_MAX_BURST = 256
_LOOK_EVERY = 10.0
_TIDY_AFTER = 0.05
_ALONE = 0.02
_QUICK = 0.02
_SLOW_FOR = 10.0
_KEPT_ASIDE = 2
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_MAY_BE_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


class SpoolError(Exception):
    """A transaction did not happen; nothing of it may be taken as stored."""


class SpoolFullError(SpoolError):
    """There is no room to add anything; what makes room or only reads still works."""


class _CorruptError(sqlite3.DatabaseError):
    """quick_check found damage."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


@dataclass(frozen=True, slots=True)
class _Job(Generic[T]):
    call: Callable[[Connection], T]
    writes: bool
    grows: bool
    future: "asyncio.Future[T]"


def connect(path: Path) -> Connection:
    """Open the file; transactions are ours to begin and end."""
    return sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )


class Database:
    """Runs jobs in its own thread; corrupt files are set aside, failures never trusted.

    A job that comes alone is carried out on the event loop while COMMIT takes under 20 ms; one
    that took longer is the last there for 10 s, so that a slow disk holds nobody else up.

    `on_anew` is called on the event loop when the database begins anew: nothing of what it held
    is there any more.
    """

    def __init__(
        self,
        path: Path,
        tables: str,
        counters: Counters,
        connect: Callable[[Path], Connection] = connect,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._path = path
        self._log_path = path.with_name(f"{path.name}-wal")
        self._tables = tables
        self.counters = counters
        self._connect = connect
        self._max_pages = max_bytes // _PAGE
        self._ballast = Ballast(path.with_name(f"{path.name}.ballast"))
        self.on_anew: Callable[[], None] = lambda: None
        self._files: tuple[int, int] = (0, 0)
        self._connection: Connection | None = None
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._checked = False
        self._distrusted = False
        self._short: str | None = None
        self._written = 0
        self._trouble: tuple[str, float] | None = None
        self._lock = threading.Lock()
        self._came = self._quick_from = float("-inf")
        self._thread = threading.Thread(target=self._work, name="spool", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Name of the counter of what ails it, "" when the last transaction happened."""
        return self._trouble[0] if self._trouble else ""

    async def run(
        self, call: Callable[[Connection], T], writes: bool = True, grows: bool = False
    ) -> T:
        """Run a job inside a transaction and return its result after COMMIT.

        One that `grows` is refused while room is short; what else writes has a reserve. Raises
        SpoolError if the transaction did not happen, SpoolFullError if for lack of room.
        """
        if self._closed:
            raise SpoolError("the spool is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        job = _Job(call, writes, grows, future)
        if not (grows and self._at_once(job)):
            self._jobs.put(job)
        return await future

    def discard_aside(self) -> int:
        """Delete spools that were set aside; returns how many."""
        return aside.discard(self._path)

    async def close(self, within: float) -> None:
        """Finish the jobs given so far and close, waiting at most `within` seconds."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        end = time.monotonic() + within
        while self._thread.is_alive() and time.monotonic() < end:
            await asyncio.sleep(0.005)

    def _at_once(self, job: _Job[Any]) -> bool:
        """Carry a job out here, if it comes alone and the disk is quick; tell whether it was.

        Two changes of thread would be a quarter of a single record's way.
        """
        now = time.monotonic()
        alone, self._came = now - self._came >= _ALONE, now
        works = self._connection is not None and self._trouble is None and not self._short
        if not (alone and works and now >= self._quick_from and self._jobs.empty()):
            return False
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._carry_out([job])
        finally:
            self._lock.release()
        return True

    # ---- writer thread ----------------------------------------------------------------------

    def _work(self) -> None:
        more = True
        while more:
            tidy = self._connection is None or self._short is not None
            try:
                burst = [self._jobs.get(timeout=_LOOK_EVERY if tidy else _TIDY_AFTER)]
            except queue.Empty:
                with self._lock:
                    (self._look if tidy else self._tidy)()
                continue
            with contextlib.suppress(queue.Empty):
                while len(burst) < _MAX_BURST:
                    burst.append(self._jobs.get_nowait())
            more = None not in burst
            with self._lock:
                self._carry_out([job for job in burst if job is not None])
        self._drop()

    def _carry_out(self, jobs: list[_Job[Any]]) -> None:
        growing = [job for job in jobs if job.grows]
        others = [job for job in jobs if not job.grows]
        if growing and self._short != "":
            self._short = self._shortage()
        if growing and self._short:
            self._note("spool_full", self._short)
            self._answer(growing, SpoolFullError("no room"))
            jobs, growing = others, []
        result = self._transact(jobs) if jobs else []
        if isinstance(result, SpoolFullError) and growing and others:
            # what makes room must not fail with what needs it
            self._answer(growing, result)
            jobs, result = others, self._transact(others)
        self._answer(jobs, result)
        if isinstance(result, SpoolError) or any(job.writes for job in jobs):
            self._short = None
            self._written += 1

    def _tidy(self) -> None:
        # what may wait until nobody waits for an answer
        self._short = self._shortage()
        with contextlib.suppress(OSError):
            wal.lengthen(self._log_path)
        if self._written >= _CHECKPOINT_AFTER and self._connection is not None:
            # before a COMMIT has to; what fails here is tried again, and the log keeps it all
            self._written = 0
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _answer(self, jobs: list[_Job[Any]], results: list[Any] | SpoolError) -> None:
        def deliver() -> None:
            for i, job in enumerate(jobs):
                if job.future.done():
                    continue
                if isinstance(results, SpoolError):
                    job.future.set_exception(type(results)(*results.args))
                else:
                    job.future.set_result(results[i])

        if threading.current_thread() is not self._thread:
            return deliver()
        # the loop may have ended before a slow disk answered
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(deliver)

    def _transact(self, jobs: list[_Job[Any]]) -> list[Any] | SpoolError:
        begun = time.monotonic()
        try:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE" if any(j.writes for j in jobs) else "BEGIN")
            results = [job.call(connection) for job in jobs]
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
            full = _code(error) == sqlite3.SQLITE_FULL
            return SpoolFullError(str(error)) if full else SpoolError(str(error))
        except Exception as error:
            _log.exception("spool: job failed")
            self._drop()
            return SpoolError(repr(error))
        self._works(any(job.grows for job in jobs))
        if time.monotonic() - begun > _QUICK:
            self._quick_from = begun + _SLOW_FOR
        return results

    def _shortage(self) -> str:
        """Return why nothing may be added, "" if there is room."""
        try:
            connection = self._opened()
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        except (sqlite3.Error, OSError):
            return ""  # the transaction will say what is wrong
        if self._max_pages - pages + free < _RESERVE_PAGES:
            return f"{pages} pages, at most {self._max_pages}"
        if free < _RESERVE_PAGES and not self._ballast.hold():
            return "no space on the file system"
        return ""

    def _look(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error, OSError):
                self._opened()

    def _opened(self) -> Connection:
        if self._connection is not None and self._inodes() != self._files:
            self._vanished()
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = self._connect(self._path)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self._files = self._inodes()
        return self._connection

    def _inodes(self) -> tuple[int, int]:
        return _inode(self._path), _inode(self._log_path)

    def _vanished(self) -> None:
        gone = self._inodes()[0] != self._files[0]
        # if only the log's name is gone, closing writes it back
        self._drop()
        self.counters.add("spool_vanished")
        _log.error("spool: %s was deleted or replaced under way; opening it anew", self._path)
        if gone:
            self._tell_anew()

    def _tell_anew(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(lambda: self.on_anew())

    def _prepare(self, connection: Connection) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={wal.SIZE}")
        connection.execute(f"PRAGMA max_page_count={self._max_pages}")
        if not self._checked:
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise _CorruptError("database disk image is malformed")
            self._checked = True
        if self._distrusted:
            # after a failed fsync the log may look written and not be: write it all once more
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if busy:
                raise sqlite3.OperationalError("the log cannot be written back while it is read")
            self._distrusted = False
        connection.executescript(self._tables)

    def _failed(self, error: Exception) -> None:
        code = _code(error)
        if code in _LOCKED:
            self._note("spool_locked", f"locked by another process ({error})")
            self._roll_back()
            return
        self._drop()
        if code in _CORRUPT:
            self._set_aside(error)
            return
        if code in _MAY_BE_FULL:
            self._ballast.release()
        if code == sqlite3.SQLITE_FULL:
            # nothing of it was written: no reason for distrust
            self._note("spool_full", f"{error}; opening it anew")
            return
        self._distrusted = True
        self._checked = False
        self._note("spool_errors", f"{error}; opening it anew")

    def _roll_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # closing writes the log back, which may fail for the reason we close for
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _set_aside(self, error: Exception) -> None:
        self._checked = self._distrusted = False
        try:
            found = aside.set_aside(self._path)
        except OSError as problem:
            self._note("spool_errors", f"corrupt ({error}), cannot be set aside: {problem}")
            return
        self.counters.add("spool_set_aside")
        _log.error("spool: corrupt (%s), set aside as %s, starting anew", error, found)
        with contextlib.suppress(OSError):
            aside.discard(self._path, _KEPT_ASIDE)
        self._tell_anew()

    def _note(self, counter: str, text: str) -> None:
        self.counters.add(counter)
        if self._trouble is None or self._trouble[0] != counter:
            _log.error("spool: %s: %s", self._path, text)
            self._trouble = (counter, time.monotonic())

    def _works(self, grew: bool) -> None:
        if self._trouble is None or (self._trouble[0] == "spool_full" and not grew):
            return
        _log.warning("spool: works again after %.1f s", time.monotonic() - self._trouble[1])
        self._trouble = None


def _code(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
