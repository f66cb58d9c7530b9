"""SQLite's log: long from the start, written back before a COMMIT has to, whole after a crash."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from gateway import ballast, wal
from gateway.counters import Counters
from gateway.database import Database
from gateway.spool import TABLES, Link, Spool
from tests.support.chains import plain_chain
from tests.support.disks import fill, small_disk
from tests.support.gateway import until

D, E = "01" * 8, 77
CHAIN = plain_chain(400)


async def _append(spool: Spool, first: int, last: int) -> None:
    for seq in range(first, last + 1):
        previous = CHAIN[seq - 1][-8:] if seq else bytes(8)
        await spool.append(D, E, [Link(seq, previous, CHAIN[seq])], seq + 1)


def _held(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as db:
        try:
            return int(db.execute("SELECT count(*) FROM records").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_a_commit_moves_no_files_end_and_a_crash_leaves_all_that_was_committed(
    tmp_path: Path,
) -> None:
    path, log = tmp_path / "s.db", tmp_path / "s.db-wal"

    async def scenario() -> None:
        spool = Spool(Database(path, TABLES, Counters()))
        await spool.greet(D, E, b"hello")
        await until(lambda: log.stat().st_size == wal.SIZE)
        await _append(spool, 0, 40)
        assert log.stat().st_size == wal.SIZE
        crash = tmp_path / "crash"
        crash.mkdir()
        for file in (path, log):
            shutil.copy(file, crash)
        assert _held(crash / path.name) == 41
        await spool.close(2.0)
        # begun anew over what a crash left, the zeros included
        path.unlink()
        for file in crash.iterdir():
            shutil.copy(file, tmp_path)
        spool = Spool(Database(path, TABLES, Counters()))
        await _append(spool, 41, 60)
        assert _held(path) == 61
        await spool.close(2.0)

    asyncio.run(scenario())


def test_it_is_written_back_while_nobody_waits(tmp_path: Path) -> None:
    path, alone = tmp_path / "s.db", tmp_path / "alone.db"

    def written_back() -> bool:
        shutil.copy(path, alone)  # without its log
        return _held(alone) >= 64

    async def scenario() -> None:
        spool = Spool(Database(path, TABLES, Counters()))
        await spool.greet(D, E, b"hello")
        await _append(spool, 0, 69)
        await until(written_back)
        await spool.close(2.0)

    asyncio.run(scenario())


def test_only_zeros_are_added(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"frames")
    wal.lengthen(path, 100_000)
    assert path.read_bytes() == b"frames" + bytes(100_000 - 6)
    wal.lengthen(path, 10)
    assert path.stat().st_size == 100_000
    with pytest.raises(FileNotFoundError):
        wal.lengthen(tmp_path / "none")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_a_full_disk_is_no_reason_to_fail(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "5m") as disk:

        async def scenario() -> None:
            spool = Spool(Database(disk / "s.db", TABLES, Counters()))
            await spool.greet(D, E, b"hello")
            await until(lambda: _size(disk / "s.db.ballast") == ballast.SIZE)
            # there is not room for all of it
            await until(lambda: _size(disk / "s.db-wal") > 512 << 10)
            fill(disk)
            await _append(spool, 0, 0)
            assert len(await spool.fetch(D, E, 0)) == 1
            await spool.close(2.0)

        asyncio.run(scenario())
