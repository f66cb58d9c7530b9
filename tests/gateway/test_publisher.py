"""The publisher between a real spool and a broker that does as the test says, on its own time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway import config
from gateway.clock import Clock
from gateway.counters import Counters
from gateway.database import Database
from gateway.publisher import Publisher
from gateway.spool import TABLES, Link, Spool
from gateway.stream import cut_bodies
from protocol import schema, topics, wire
from tests.support.chains import make_chain

D, E = "01" * 8, 77
CHAIN = make_chain(b"k" * 32, bytes([1] * 8), E, 400)
HELLO = schema.Hello(
    device_id=bytes([1] * 8), board=bytes(8), major=0, minor=0, patch=0, version=1,
    service=schema.Service.ok, boot=1, epoch=E, first=0, next=400, tag=CHAIN[-1][-8:], uptime=1,
    time=1, quality=schema.Quality.synced, nonce=1,
)  # fmt: skip


class _Link:
    """Answers each publication at once with `code`."""

    def __init__(self) -> None:
        self.code = 0
        self.sent: list[tuple[str, bytes]] = []
        self.progressed = 0
        self.slept: list[float] = []
        self.woken = 0
        self.publisher: Publisher

    def publish(
        self, topic: str, payload: bytes, retain: bool = False, correlation: bytes = b""
    ) -> int | None:
        self.sent.append((topic, payload))
        token = len(self.sent)
        self.publisher.puback(token, self.code)
        return token

    def progress(self) -> None:
        self.progressed += 1

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.publisher.disconnected()

    def wake(self) -> None:
        self.woken += 1

    @property
    def events(self) -> list[bytes]:
        return [payload for topic, payload in self.sent if topic.endswith("/events")]

    def seqs(self) -> list[int]:
        bodies = [wire.parse(schema.Events, payload) for payload in self.events]
        return [wire.seq_of(raw) for body in bodies for raw in wire.events_records(body)]


class _Bench:
    def __init__(self, folder: Path, publishing: config.Publishing | None) -> None:
        self.now = 0.0
        self.counters = Counters()
        self.link = _Link()
        self.spool = Spool(Database(folder / "s.db", TABLES, self.counters))
        settings = config.Uplink(host="h", port=1, ca="", cert="", key="", probe_max=60)
        clock = Clock(monotonic=lambda: self.now)
        self.publisher = self.link.publisher = Publisher(
            "gw-1", settings, self.spool, self.link, self.counters, clock, publishing
        )

    async def add(self, first: int, last: int) -> None:
        links = [
            Link(seq, CHAIN[seq - 1][-8:] if seq else bytes(8), CHAIN[seq])
            for seq in range(first, last + 1)
        ]
        await self.spool.greet(D, E, wire.build(HELLO))
        added = await self.spool.append(D, E, links, last + 1)
        self.publisher.committed(D, E, [links[seq - first] for seq in added], last + 1)

    async def greet(self) -> None:
        await self.spool.greet(D, E, wire.build(HELLO))
        self.publisher.greeted(D, HELLO, wire.build(HELLO))

    def mark(
        self, following: int, rev: int, *ranges: tuple[int, int], refused: tuple[int, ...] = ()
    ) -> None:
        mark = schema.Watermark(
            epoch=E,
            next=following,
            tag=CHAIN[following - 1][-8:] if following else bytes(8),
            store=1,
            rev=rev,
            ranges=[schema.Range(first=a, last=b) for a, b in ranges],
            refused=list(refused),
        )
        self.publisher.message(topics.down("gw-1", D, "watermark"), wire.build(mark))

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += step
            await self.settle()

    async def settle(self) -> None:
        """Return when the publisher has nothing more to do at this time."""
        before = -1
        while before != len(self.link.sent):
            before = len(self.link.sent)
            self.publisher.puback(-1, 0)  # nobody waits for it: it only wakes
            for _ in range(8):
                await self.spool.known(D, E, 1)


@contextlib.asynccontextmanager
async def bench(
    folder: Path, publishing: config.Publishing | None = None
) -> AsyncIterator[_Bench]:
    made = _Bench(folder, publishing or config.Publishing(coalesce=0))
    running = asyncio.create_task(made.publisher.run([]))
    try:
        yield made
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait({running})
        await made.spool.close(2.0)


def test_the_question_comes_first_and_is_repeated_ever_more_seldom(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as b:
            await b.add(0, 399)
            await b.greet()
            b.publisher.connected()
            await b.settle()
            assert [topic for topic, _ in b.link.sent] == [topics.up("gw-1", D, "hello")]
            await b.pass_time(3600, 5)
            assert b.link.events == []
            assert 8 <= len(b.link.sent) <= 13
            b.mark(100, 1)
            await b.settle()
            assert b.link.seqs() == list(range(100, 400))

    asyncio.run(scenario())


def test_confirmed_is_not_published_again_and_the_rest_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as b:
            await b.add(0, 399)
            await b.greet()
            b.publisher.connected()
            await b.settle()
            b.mark(0, 1)
            await b.settle()
            assert b.link.seqs() == list(range(400))
            b.mark(50, 2, (60, 399))
            await b.settle()
            assert len(b.link.seqs()) == 400, "not asked yet: it may be on its way"
            await b.pass_time(301, 10)
            b.mark(50, 2, (60, 399))
            await b.settle()
            assert b.link.seqs()[400:] == list(range(50, 60))
            b.mark(400, 3)
            await b.pass_time(7 * 3600, 600)
            assert len(b.link.seqs()) == 410
            assert b.link.progressed == 3

    asyncio.run(scenario())


def test_stored_ranges_are_left_out(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as b:
            await b.add(0, 399)
            await b.greet()
            b.publisher.connected()
            await b.settle()
            b.mark(10, 1, (20, 29), (40, 398))
            await b.settle()
            assert b.link.seqs() == [*range(10, 20), *range(30, 40), 399]

    asyncio.run(scenario())


@pytest.mark.parametrize(("code", "counter"), [(0x10, "backend_away"), (0x97, "broker_refused")])
def test_away_for_hours_is_probed_with_single_records(
    tmp_path: Path, code: int, counter: str
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as b:
            await b.add(0, 9)
            await b.greet()
            b.publisher.connected()
            await b.settle()
            b.mark(0, 1)
            await b.settle()
            b.mark(10, 2)
            b.link.code = code
            await b.add(10, 399)
            await b.settle()
            sent = len(b.link.events)
            await b.pass_time(7200, 5)
            probes = b.link.events[sent:]
            assert 60 <= len(probes) <= 400, "7,200 s with at most 60 s between"
            assert all(len(payload) < 13 + 64 for payload in probes)
            assert b.counters[counter] >= len(probes)
            b.link.code = 0
            before = len(b.link.sent)
            await b.pass_time(130, 5)
            assert b.link.sent[before + 1][0].endswith("/hello"), "asked at once after the probe"
            assert set(b.link.seqs()) == set(range(400))

    asyncio.run(scenario())


def test_what_the_broker_refused_is_published_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as b:
            await b.add(0, 99)
            await b.greet()
            b.publisher.connected()
            await b.settle()
            b.link.code = 0x87
            b.mark(0, 1)
            await b.settle()
            b.link.code = 0
            await b.pass_time(130, 5)
            b.mark(100, 2)
            await b.settle()
            assert sorted(set(b.link.seqs())) == list(range(100))

    asyncio.run(scenario())


def test_a_refusal_repeated_while_its_record_is_on_its_way_is_no_second_one(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as b:
            await b.add(0, 9)
            await b.greet()
            b.publisher.connected()
            await b.settle()
            b.mark(0, 1)
            await b.settle()
            b.mark(5, 2, (6, 9), refused=(5,))
            await b.settle()
            assert [link.seq for link in await b.spool.fetch(D, E, 5)] == [6, 7, 8, 9]
            await b.add(5, 5)
            await b.settle()
            assert b.link.seqs()[10:] == [5]
            b.mark(5, 3, (6, 9), refused=(5,))
            await b.settle()
            assert [link.seq for link in await b.spool.fetch(D, E, 5)] == [5, 6, 7, 8, 9]
            b.now += 10
            b.mark(5, 4, (6, 9), refused=(5,))
            await b.settle()
            assert [link.seq for link in await b.spool.fetch(D, E, 5)] == [6, 7, 8, 9]

    asyncio.run(scenario())


def test_bodies_are_contiguous_linked_and_bounded() -> None:
    link = [Link(i, CHAIN[i - 1][-8:] if i else bytes(8), CHAIN[i]) for i in range(400)]
    fork = Link(5, CHAIN[4][-8:], CHAIN[5][:8] + b"\xff" + CHAIN[5][9:-1] + b"\0")
    bodies = cut_bodies(E, [*link[:6], fork, *link[6:20], *link[30:400]], False)
    cut = [[part.seq for part in body.links] for body in bodies]
    assert cut == [
        list(range(6)),
        [5],
        list(range(6, 20)),
        list(range(30, 285)),
        list(range(285, 400)),
    ]
    assert all(len(body.payload()) <= 16 * 1024 for body in bodies)
    full = [Link(i, bytes(8), i.to_bytes(4, "big") + bytes(52) + bytes(8)) for i in range(255)]
    (longest,) = cut_bodies(E, full, False)
    assert len(longest.payload()) == 16_333
