"""A job that comes alone is carried out on the event loop, while the disk is quick."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.counters import Counters
from gateway.database import Connection, Database, SpoolError, SpoolFullError
from gateway.spool import TABLES

HERE, THERE = threading.main_thread().name, "spool"
_PATIENCE = 60.0


class _Disk:
    """COMMIT takes `seconds`; `threads` are those it was carried out in."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.threads: list[str] = []

    def open(self, path: Path) -> sqlite3.Connection:
        disk = self

        class Noting(sqlite3.Connection):
            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                if sql == "COMMIT":
                    disk.threads.append(threading.current_thread().name)
                    time.sleep(disk.seconds)
                return super().execute(sql, *values)

        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Noting)


@pytest.fixture(autouse=True)
def _every_job_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.database._ALONE", 0.0)
    # a loaded machine must not look like a slow disk
    monkeypatch.setattr("gateway.database._QUICK", 30.0)


def _write(db: Connection) -> int:
    return db.execute("REPLACE INTO cursor VALUES('d', 1, 1)").rowcount


async def _until_in(disk: _Disk, thread: str, database: Database) -> None:
    """Write until it was done in this thread: the writer may be at work when it is asked."""
    end = time.monotonic() + _PATIENCE
    while disk.threads[-1:] != [thread]:
        assert time.monotonic() < end, f"never in {thread}"
        assert await database.run(_write, grows=True) == 1
        await asyncio.sleep(0.01)


async def _made(path: Path, disk: _Disk) -> Database:
    database = Database(path, TABLES, Counters(), disk.open)
    # the first is not: opening may take long
    await database.run(_write, grows=True)
    assert disk.threads == [THERE]
    return database


def test_alone_it_is_done_here(tmp_path: Path) -> None:
    async def scenario() -> None:
        disk = _Disk()
        database = await _made(tmp_path / "s.db", disk)
        await _until_in(disk, HERE, database)
        # what may take long never is
        await database.run(_write)
        assert disk.threads[-1] == THERE
        await database.close(5.0)

    asyncio.run(scenario())


def test_in_company_they_are_the_writers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.database._ALONE", 1e9)

    async def scenario() -> None:
        disk = _Disk()
        database = await _made(tmp_path / "s.db", disk)
        for _ in range(20):
            await asyncio.gather(*(database.run(_write, grows=True) for _ in range(5)))
        assert set(disk.threads) == {THERE}
        assert len(disk.threads) < 100, "one COMMIT for those that wait"
        await database.close(5.0)

    asyncio.run(scenario())


def test_a_slow_disk_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        disk = _Disk()
        database = await _made(tmp_path / "s.db", disk)
        await _until_in(disk, HERE, database)
        monkeypatch.setattr("gateway.database._QUICK", 0.05)
        disk.seconds = 0.1
        del disk.threads[:]
        for _ in range(10):
            await database.run(_write, grows=True)
            await asyncio.sleep(0.01)
        assert disk.threads.count(HERE) <= 1, disk.threads
        await database.close(5.0)

    asyncio.run(scenario())


def _fails(db: Connection) -> int:
    raise sqlite3.OperationalError("disk I/O error")


def _is_full(db: Connection) -> int:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    raise error


@pytest.mark.parametrize(("job", "kind"), [(_fails, SpoolError), (_is_full, SpoolFullError)])
def test_what_fails_here_is_told_and_put_right_by_the_writer(
    tmp_path: Path, job: Callable[[Connection], int], kind: type[SpoolError]
) -> None:
    async def scenario() -> None:
        disk = _Disk()
        database = await _made(tmp_path / "s.db", disk)
        await _until_in(disk, HERE, database)
        with pytest.raises(kind):
            await database.run(job, grows=True)
        del disk.threads[:]
        assert await database.run(_write, grows=True) == 1
        assert disk.threads == [THERE], "opened anew where nobody else waits"
        assert database.trouble == ""
        await _until_in(disk, HERE, database)
        await database.close(5.0)

    asyncio.run(scenario())
