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

from gateway.counters import Counters

T = TypeVar("T")
Connection = sqlite3.Connection
_log = logging.getLogger(__name__)
_BUSY_TIMEOUT = 0.5
_CHECKPOINT_PAGES = 1000
_MAX_WAL = 16 << 20
_MAX_BURST = 256
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class SpoolError(Exception):
    """A transaction did not happen; nothing of it may be taken as stored."""


class _CorruptError(sqlite3.DatabaseError):
    """quick_check found damage."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


@dataclass(frozen=True, slots=True)
class _Job(Generic[T]):
    call: Callable[[Connection], T]
    writes: bool
    future: "asyncio.Future[T]"


def connect(path: Path) -> Connection:
    """Open the file; transactions are ours to begin and end."""
    return sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )


class Database:
    """Runs jobs in its own thread; corrupt files are set aside, failures never trusted."""

    def __init__(
        self,
        path: Path,
        tables: str,
        counters: Counters,
        connect: Callable[[Path], Connection] = connect,
    ) -> None:
        self._path = path
        self._tables = tables
        self._counters = counters
        self._connect = connect
        self._connection: Connection | None = None
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._checked = False
        self._distrusted = False
        self._trouble: tuple[str, float] | None = None
        self._thread = threading.Thread(target=self._work, name="spool", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Name of the counter of what ails it, "" when the last transaction happened."""
        return self._trouble[0] if self._trouble else ""

    async def run(self, call: Callable[[Connection], T], writes: bool = True) -> T:
        """Run a job inside a transaction and return its result after COMMIT.

        Raises SpoolError if the transaction did not happen.
        """
        if self._closed:
            raise SpoolError("the spool is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(call, writes, future))
        return await future

    async def close(self, within: float) -> None:
        """Finish the jobs given so far and close, waiting at most `within` seconds."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        end = time.monotonic() + within
        while self._thread.is_alive() and time.monotonic() < end:
            await asyncio.sleep(0.005)

    # ---- writer thread ----------------------------------------------------------------------

    def _work(self) -> None:
        more = True
        while more:
            burst = [self._jobs.get()]
            with contextlib.suppress(queue.Empty):
                while len(burst) < _MAX_BURST:
                    burst.append(self._jobs.get_nowait())
            more = None not in burst
            jobs = [job for job in burst if job is not None]
            if jobs:
                self._answer(jobs, self._transact(jobs))
        self._drop()

    def _answer(self, jobs: list[_Job[Any]], results: list[Any] | SpoolError) -> None:
        def deliver() -> None:
            for i, job in enumerate(jobs):
                if job.future.done():
                    continue
                if isinstance(results, SpoolError):
                    job.future.set_exception(SpoolError(*results.args))
                else:
                    job.future.set_result(results[i])

        # the loop may have ended before a slow disk answered
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(deliver)

    def _transact(self, jobs: list[_Job[Any]]) -> list[Any] | SpoolError:
        try:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE" if any(j.writes for j in jobs) else "BEGIN")
            results = [job.call(connection) for job in jobs]
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
            return SpoolError(str(error))
        except Exception as error:
            _log.exception("spool: job failed")
            self._drop()
            return SpoolError(repr(error))
        self._works()
        return results

    def _opened(self) -> Connection:
        if self._connection is None:
            connection = self._connect(self._path)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: Connection) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={_MAX_WAL}")
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
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _LOCKED:
            self._note("spool_locked", f"locked by another process ({error})")
            self._roll_back()
            return
        self._drop()
        if code in _CORRUPT:
            self._set_aside(error)
            return
        self._distrusted = True
        self._checked = False
        full = code == sqlite3.SQLITE_FULL
        self._note("spool_full" if full else "spool_errors", f"{error}; opening it anew")

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
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        aside = self._path.with_name(f"{self._path.name}.corrupt-{stamp}")
        number = 1
        while aside.exists():
            number += 1
            aside = aside.with_name(f"{self._path.name}.corrupt-{stamp}-{number}")
        self._checked = self._distrusted = False
        try:
            for suffix in ("", "-wal", "-shm"):
                file = self._path.with_name(self._path.name + suffix)
                if file.exists():
                    file.rename(aside.with_name(aside.name + suffix))
        except OSError as problem:
            self._note("spool_errors", f"corrupt ({error}), cannot be set aside: {problem}")
            return
        self._counters.add("spool_set_aside")
        _log.error("spool: corrupt (%s), set aside as %s, starting anew", error, aside)

    def _note(self, counter: str, text: str) -> None:
        self._counters.add(counter)
        if self._trouble is None or self._trouble[0] != counter:
            _log.error("spool: %s: %s", self._path, text)
            self._trouble = (counter, time.monotonic())

    def _works(self) -> None:
        if self._trouble is not None:
            _log.warning("spool: works again after %.1f s", time.monotonic() - self._trouble[1])
            self._trouble = None
