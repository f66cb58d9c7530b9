"""A spool without room, on a disk that may only be read, on a slow one, or taken away."""

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.counters import Counters
from gateway.database import Database, SpoolError, SpoolFullError
from gateway.floor import RELEASED
from gateway.spool import TABLES, Link, Retention, Spool
from protocol import schema
from tests.support.chains import make_chain, tagged, untagged
from tests.support.disks import fill, remount, small_disk

D, E = "01" * 8, 77
DEVICE = bytes([1] * 8)
CHAIN = make_chain(b"k" * 32, DEVICE, E, 400)


def _link(seq: int) -> Link:
    """A chained record for a high seq, made without hashing through all the keys before it."""
    raw = seq.to_bytes(4, "big") + bytes(8) + b"\x20\x2a" + bytes(42) + seq.to_bytes(8, "big")
    return Link(seq, (seq - 1).to_bytes(8, "big") if seq else bytes(8), raw)


def _links(first: int, last: int) -> list[Link]:
    return [_link(seq) for seq in range(first, last + 1)]


def _mark(following: int, rev: int = 1) -> schema.Watermark:
    tag = (following - 1).to_bytes(8, "big")
    return schema.Watermark(E, following, tag, 1, rev, [], [])


class _Bench:
    def __init__(self, path: Path, max_bytes: int, opener: Any = None) -> None:
        self.counters = Counters()
        more = {} if opener is None else {"connect": opener}
        self.database = Database(path, TABLES, self.counters, max_bytes=max_bytes, **more)
        self.spool = Spool(self.database, lambda: 2e9, Retention(records=1_000_000))
        self.done = 0

    async def fill(self) -> None:
        """Append until it is refused."""
        await self.spool.greet(D, E, b"hello")
        while True:
            first, last = self.done, self.done + 199
            await self.spool.append(D, E, _links(first, last), last + 1)
            self.done = last + 1

    async def more(self) -> None:
        await self.spool.append(D, E, _links(self.done, self.done + 9), self.done + 10)
        self.done += 10


@contextlib.asynccontextmanager
async def _bench(path: Path, max_bytes: int = 1 << 30, opener: Any = None) -> Any:
    bench = _Bench(path, max_bytes, opener)
    try:
        yield bench
    finally:
        await bench.database.close(5.0)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if "ballast" not in file.name)


def test_a_full_spool_is_bounded_keeps_what_it_has_and_goes_on_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with _bench(tmp_path / "s.db", 2 << 20) as b:
            with pytest.raises(SpoolFullError):
                await b.fill()
            assert b.done > 5000
            assert _size(tmp_path) < (2 << 20) + (3 << 20), "database and log"
            with pytest.raises(SpoolFullError):
                await b.more()
            # nothing is dropped: none of it is stored
            assert len(await b.spool.fetch(D, E, 0)) == 255
            assert (await b.spool.known(D, E, 0)).end == b.done
            # deleting and noting still work: the watermark makes room
            done = await b.spool.accept(D, E, _mark(b.done), [], False)
            assert done.pruned == 0, "kept while there is space"
            await b.more()
            assert b.counters["room_made"] > 3000, "stored ones went first"

    asyncio.run(scenario())
    texts = [line for line in caplog.messages if line.startswith("spool:")]
    assert len(texts) == 2 and "works again" in texts[1], "said once, not with every try"


def test_spools_set_aside_go_before_anything_else(tmp_path: Path) -> None:
    async def scenario() -> None:
        for number in (1, 2):
            (tmp_path / f"s.db.corrupt-{number}").write_bytes(bytes(10))
            (tmp_path / f"s.db.corrupt-{number}-wal").write_bytes(bytes(10))
        async with _bench(tmp_path / "s.db", 2 << 20) as b:
            with pytest.raises(SpoolFullError):
                await b.fill()
            assert [p.name for p in tmp_path.iterdir() if "corrupt" in p.name] == []

    asyncio.run(scenario())


def test_a_full_file_system(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        async with _bench(folder / "s.db") as b:
            await b.spool.greet(D, E, b"hello")
            await b.more()
            filler = fill(folder)
            with pytest.raises(SpoolFullError):
                await b.fill()
            held = b.done
            # the ballast is given up for this: with the disk still full, deleting works
            await b.spool.accept(D, E, _mark(held), [], False)
            assert (await b.spool.known(D, E, held)).end == held
            for _ in range(3):
                with pytest.raises(SpoolFullError):
                    while True:
                        await b.more()
            filler.unlink()
            await b.more()
            assert (folder / "s.db.ballast").stat().st_size == 4 << 20, "taken back"
            assert b.counters["spool_errors"] == b.counters["spool_set_aside"] == 0
        with contextlib.closing(sqlite3.connect(folder / "s.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            (last,) = db.execute("SELECT max(seq) FROM records").fetchone()
            assert last + 1 == b.done

    with small_disk(tmp_path / "disk", "12m") as folder:
        asyncio.run(scenario(folder))


def test_a_read_only_file_system(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> None:
        remount(folder, "ro")
        async with _bench(folder / "s.db") as b:
            for _ in range(2):
                with pytest.raises(SpoolError):
                    await b.spool.greet(D, E, b"hello")
            remount(folder, "rw")
            await b.spool.greet(D, E, b"hello")
            await b.more()

    with small_disk(tmp_path / "disk", "12m") as folder:
        asyncio.run(scenario(folder))


def test_a_disk_that_becomes_read_only(tmp_path: Path) -> None:
    read_only = [False]

    def opener(path: Path) -> sqlite3.Connection:
        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                if sql.startswith("BEGIN"):
                    super().execute(f"PRAGMA query_only={int(read_only[0])}")
                return super().execute(sql, *values)

        return sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, factory=Connection
        )

    async def scenario() -> None:
        async with _bench(tmp_path / "s.db", opener=opener) as b:
            await b.spool.greet(D, E, b"hello")
            await b.more()
            read_only[0] = True
            for _ in range(2):
                with pytest.raises(SpoolError, match="readonly"):
                    await b.more()
            assert len(await b.spool.fetch(D, E, 0)) == 10, "reading goes on"
            read_only[0] = False
            await b.more()
            assert (await b.spool.known(D, E, 0)).end == 20

    asyncio.run(scenario())


def test_a_slow_disk_holds_nobody_up_but_those_who_wait_for_it(tmp_path: Path) -> None:
    class Slow(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql == "COMMIT":
                time.sleep(1.0)
            return super().execute(sql, *values)

    def opener(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Slow)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with _bench(tmp_path / "s.db", opener=opener) as b:
            await b.spool.greet(D, E, b"hello")
            tasks = [
                asyncio.create_task(b.spool.append(D, E, _links(i, i), i + 1)) for i in range(200)
            ]
            begin = at = loop.time()
            worst = 0.0
            while not all(task.done() for task in tasks):
                await asyncio.sleep(0.01)
                worst, at = max(worst, loop.time() - at), loop.time()
            assert worst < 0.9, "the event loop waited for the disk"
            assert loop.time() - begin < 10.0, "one COMMIT for many that wait"
            assert len(await b.spool.fetch(D, E, 0)) == 200

    asyncio.run(scenario())


@pytest.mark.parametrize("what", ["all", "database", "log", "folder"])
def test_a_spool_deleted_by_hand_is_noticed(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "data"

    async def scenario() -> None:
        anew = []
        async with _bench(folder / "s.db") as b:
            b.database.on_anew = lambda: anew.append(1)
            await b.spool.greet(D, E, b"hello")
            await b.more()
            # it looks at the room behind every COMMIT
            await b.database.run(lambda db: None, writes=False)
            names = {"database": ["s.db"], "log": ["s.db-wal"]}
            for name in names.get(what, [file.name for file in folder.iterdir()]):
                (folder / name).unlink()
            if what == "folder":
                folder.rmdir()
            if what == "log":
                # closing wrote it back: nothing is lost
                await b.more()
                assert (await b.spool.known(D, E, 0)).end == 20
            else:
                with pytest.raises(SpoolError):
                    await b.more()
                assert await b.spool.greet(D, E, b"hello") is None, "read from the first again"
                b.done = 0
                await b.more()
            assert b.counters["spool_vanished"] == 1
            assert len(anew) == (what != "log")
        with contextlib.closing(sqlite3.connect(folder / "s.db")) as db:
            assert db.execute("SELECT count(*) FROM records").fetchone() == (b.done,)

    asyncio.run(scenario())


def test_records_whose_bytes_do_not_fit_their_key_are_put_right(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _bench(tmp_path / "s.db") as b:
            await b.spool.greet(D, E, b"hello")
            await b.spool.append(D, E, _links(0, 9), 10)
            cut = Link(4, bytes(8), _link(4).raw[:-1])
            elsewhere = Link(5, bytes(8), _link(2).raw)
            beyond = Link(6, bytes(8), _link(10_000).raw)
            await b.spool.append(D, E, [cut, elsewhere, beyond], None)
            assert await b.spool.mend(D, E, [cut, elsewhere, beyond]) == [2]
            assert [link.raw for link in await b.spool.fetch(D, E, 0)] == [
                link.raw for link in _links(0, 9)
            ]

    asyncio.run(scenario())


def test_what_a_trimmed_gap_names_is_not_pruned_before_it_is_settled(tmp_path: Path) -> None:
    data = (0).to_bytes(4, "big") + (59).to_bytes(4, "big") + b"\1"
    gap = tagged(b"k" * 32, DEVICE, E, CHAIN[99][-8:], untagged(100, 4, data))

    async def scenario() -> None:
        async with _bench(tmp_path / "s.db") as b:
            await b.spool.greet(D, E, b"hello")
            links = [Link(i, bytes(8), raw) for i, raw in enumerate(CHAIN[:100])]
            await b.spool.append(D, E, links, 100)
            mark = schema.Watermark(E, 20, CHAIN[19][-8:], 1, 1, [], [])
            await b.spool.accept(D, E, mark, [], False)
            await b.spool.append(D, E, [Link(100, CHAIN[99][-8:], gap)], 101)
            (saved,) = await b.spool.saved()
            assert saved.doubts == [(20, 59)], "those below 20 were passed before the GAP was"
            old = ((RELEASED + 1) * 10**6,)  # as old as a clock that is right can say
            await b.database.run(lambda db: db.execute("UPDATE records SET received_at = ?", old))
            mark = schema.Watermark(E, 101, gap[-8:], 1, 2, [], [])
            await b.spool.accept(D, E, mark, [], False)
            assert [link.seq for link in await b.spool.fetch(D, E, 0)] == list(range(19, 101))
            await b.spool.settle(D, E, [(20, 59)])
            await b.spool.accept(D, E, mark, [], False)
            assert [link.seq for link in await b.spool.fetch(D, E, 0)] == [100]

    asyncio.run(scenario())


def test_the_ballast_costs_what_it_says(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _bench(tmp_path / "s.db") as b:
            await b.spool.greet(D, E, b"hello")
            await b.more()

    asyncio.run(scenario())
    assert (tmp_path / "s.db.ballast").stat().st_blocks * 512 >= 4 << 20
