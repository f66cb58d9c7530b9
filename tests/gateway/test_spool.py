"""The spool through locks, corruption, failing disks, forks and pruning; real SQLite."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.counters import Counters
from gateway.database import Database, SpoolError, connect
from gateway.spool import TABLES, Link, Retention, Spool
from protocol import schema
from tests.support.chains import make_chain, tagged, untagged

D, E = "01" * 8, 77
CHAIN = make_chain(b"k" * 32, bytes([1] * 8), E, 600)


def _links(first: int, last: int) -> list[Link]:
    return [
        Link(seq, CHAIN[seq - 1][-8:] if seq else bytes(8), CHAIN[seq])
        for seq in range(first, last + 1)
    ]


def _mark(following: int, **more: Any) -> schema.Watermark:
    fields: dict[str, Any] = {"store": 1, "rev": 1, "ranges": [], **more}
    tag = CHAIN[following - 1][-8:] if following else bytes(8)
    fields = {"tag": tag, **fields}
    return schema.Watermark(epoch=E, next=following, refused=[], **fields)


@contextlib.asynccontextmanager
async def spool_at(
    path: Path, unix: float = 2e9, retention: Retention | None = None, opener: Any = connect
) -> AsyncIterator[tuple[Spool, Counters]]:
    counters = Counters()
    spool = Spool(Database(path, TABLES, counters, opener), lambda: unix, retention)
    with contextlib.suppress(SpoolError):
        await spool.greet(D, E, b"hello")
    try:
        yield spool, counters
    finally:
        await spool.close(2.0)


def _seqs(path: Path) -> list[int]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return [seq for (seq,) in db.execute("SELECT seq FROM records ORDER BY seq, raw")]


def test_records_and_cursor_move_together(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with spool_at(tmp_path / "s.db") as (spool, _):
            assert await spool.greet(D, E, b"hello") is None
            assert await spool.append(D, E, _links(0, 9), 10) == list(range(10))
            assert await spool.append(D, E, _links(5, 11), 12) == [10, 11]
            cursor = await spool.greet(D, E, b"hello")
            assert cursor == (E, 12, CHAIN[11][-8:])
            # a detour leaves the cursor
            await spool.append(D, E, _links(3, 3), None)
            assert await spool.greet(D, E, b"hello") == cursor
            assert [link.raw for link in await spool.fetch(D, E, 2)] == CHAIN[2:12]

    asyncio.run(scenario())


def test_full_synchronous_is_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        database = Database(tmp_path / "s.db", TABLES, Counters())
        assert await database.run(lambda db: db.execute("PRAGMA synchronous").fetchone()) == (2,)
        assert await database.run(lambda db: db.execute("PRAGMA journal_mode").fetchone()) == (
            "wal",
        )
        await database.close(2.0)

    asyncio.run(scenario())


def test_a_fork_keeps_both(tmp_path: Path) -> None:
    async def scenario() -> None:
        other = CHAIN[5][:8] + b"\xff" + CHAIN[5][9:]
        async with spool_at(tmp_path / "s.db") as (spool, _):
            await spool.append(D, E, _links(0, 9), 10)
            assert await spool.append(D, E, [Link(5, CHAIN[4][-8:], other)], None) == [5]
            raws = [link.raw for link in await spool.fetch(D, E, 0) if link.seq == 5]
            assert sorted(raws) == sorted([CHAIN[5], other])

    asyncio.run(scenario())


@pytest.mark.parametrize("damage", ["pages", "header", "not_a_database"])
def test_spool_corrupt_is_set_aside(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "s.db"

    async def fill() -> None:
        async with spool_at(path) as (spool, _):
            await spool.append(D, E, _links(0, 599), 600)

    async def again() -> None:
        async with spool_at(path) as (spool, counters):
            with contextlib.suppress(SpoolError):
                await spool.greet(D, E, b"hello")
            assert await spool.greet(D, E, b"hello") is None, "the cursor must be gone"
            await spool.append(D, E, _links(0, 9), 10)
            assert counters["spool_set_aside"] == 1

    asyncio.run(fill())
    whole = bytearray(path.read_bytes())
    if damage == "pages":
        whole[4096:12288] = b"\xa5" * 8192
    elif damage == "header":
        whole[:100] = bytes(100)
    else:
        whole = bytearray(b"something else altogether " * 400)
    path.write_bytes(whole)
    asyncio.run(again())
    aside = [p for p in tmp_path.iterdir() if ".corrupt-" in p.name]
    assert [p.read_bytes() for p in aside] == [bytes(whole)]
    assert _seqs(path) == list(range(10))


def test_spool_locked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "s.db"

    async def scenario() -> None:
        async with spool_at(path) as (spool, counters):
            await spool.append(D, E, _links(0, 4), 5)
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                for _ in range(2):
                    with pytest.raises(SpoolError):
                        await spool.append(D, E, _links(5, 9), 10)
                assert len(await spool.fetch(D, E, 0)) == 5, "reading goes on"
                other.execute("ROLLBACK")
            await spool.append(D, E, _links(5, 9), 10)
            assert counters["spool_locked"] == 2

    asyncio.run(scenario())
    assert _seqs(path) == list(range(10))
    assert sum("locked by another process" in line for line in caplog.messages) == 1


def _failing(code: int, text: str, commits: list[int]) -> Any:
    class Failing(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql == "COMMIT" and commits:
                commits.pop()
                # as after a failed fsync: written, but nobody knows whether it is on the disk
                super().execute(sql)
                error = sqlite3.OperationalError(text)
                error.sqlite_errorcode = code
                raise error
            return super().execute(sql, *values)

    def opener(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(
            path, timeout=0.2, isolation_level=None, check_same_thread=False, factory=Failing
        )

    return opener


def test_a_failed_fsync_is_never_trusted(tmp_path: Path) -> None:
    async def scenario() -> None:
        commits: list[int] = []
        opened = []
        inner = _failing(sqlite3.SQLITE_IOERR, "disk I/O error", commits)

        def opener(path: Path) -> sqlite3.Connection:
            opened.append(path)
            return inner(path)  # type: ignore[no-any-return]

        async with spool_at(tmp_path / "s.db", opener=opener) as (spool, counters):
            # somebody reads along: closing alone would not write the log back
            reader = sqlite3.connect(tmp_path / "s.db")
            reader.execute("SELECT count(*) FROM records").fetchall()
            commits.append(1)
            with pytest.raises(SpoolError):
                await spool.append(D, E, _links(0, 9), 10)
            assert counters["spool_errors"] == 1
            cursor = await spool.greet(D, E, b"hello")
            assert len(opened) == 2, "closed and opened anew"
            # whatever it says now was written back to the database and synced
            wal = tmp_path / "s.db-wal"
            assert cursor is not None and wal.exists()
            with contextlib.closing(
                sqlite3.connect(f"file:{tmp_path / 's.db'}?immutable=1", uri=True)
            ) as db:
                assert db.execute("SELECT count(*) FROM records").fetchone() == (10,)
            reader.close()

    asyncio.run(scenario())


def test_pruning_needs_proof_and_keeps(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def scenario() -> None:
        keep = Retention(seconds=1000, records=100)
        async with spool_at(path, 2e9, keep) as (spool, _):
            await spool.append(D, E, _links(0, 599), 600)
            done = await spool.accept(D, E, _mark(500, tag=b"falsefal"), [], False)
            assert (done.pruned, len(_seqs(path))) == (0, 600)
            done = await spool.accept(D, E, _mark(500, rev=2), [], False)
            assert _seqs(path) == list(range(400, 600))
            assert done.pruned == 400
        # a month later, all below the mark is old; the record before it stays as proof
        async with spool_at(path, 2e9 + 1001, keep) as (spool, _):
            await spool.accept(D, E, _mark(550, rev=3), [], False)
            assert _seqs(path) == list(range(549, 600))
            assert (await spool.saved())[0].end == 600

    asyncio.run(scenario())


def test_what_a_wrong_clock_received_has_no_age(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def scenario() -> None:
        async with spool_at(path, 86_400.0) as (spool, _):  # the second of January 1970
            await spool.append(D, E, _links(0, 9), 10)
        async with spool_at(path, 2e9) as (spool, _):
            await spool.accept(D, E, _mark(10), [], False)
            assert _seqs(path) == list(range(10))

    asyncio.run(scenario())


def test_refused_are_deleted_and_holes_named(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def scenario() -> None:
        async with spool_at(path) as (spool, _):
            await spool.append(D, E, [*_links(0, 19), *_links(30, 49)], 60)
            ranges = [schema.Range(first=55, last=56)]
            done = await spool.accept(D, E, _mark(10, ranges=ranges), [3, 15, 49], False)
            assert [int.from_bytes(raw[:4], "big") for raw in done.refused] == [15, 49], (
                "3 is stored, whatever the list says"
            )
            assert done.holes == [(15, 15), (20, 29), (49, 54), (57, 59)]

    asyncio.run(scenario())


def test_a_gap_record_explains_a_hole(tmp_path: Path) -> None:
    async def scenario() -> None:
        data = b"\0\0\0\x14\0\0\0\x1d\x02"
        gap = tagged(b"k" * 32, bytes([1] * 8), E, CHAIN[19][-8:], untagged(30, 4, data))
        async with spool_at(tmp_path / "s.db") as (spool, _):
            await spool.append(D, E, [*_links(0, 19), Link(30, CHAIN[19][-8:], gap)], 31)
            assert (await spool.accept(D, E, _mark(5), [], True)).holes == []

    asyncio.run(scenario())
