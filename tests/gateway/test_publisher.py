"""What is published when, and again, and never: on the test's own time."""

import asyncio
from pathlib import Path

import pytest

from gateway.spool import Link
from gateway.stream import cut_bodies
from protocol import topics
from tests.support.publishing import CHAIN, D, E
from tests.support.publishing import publisher_bench as bench


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


@pytest.mark.parametrize("stores", [1, 2], ids=["a store copied", "two stores"])
def test_two_backends_that_contradict_each_other_make_no_storm(
    tmp_path: Path, stores: int
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as b:
            await b.add(0, 399)

            def on_published(_topic: str, _payload: bytes) -> None:
                assert len(b.link.sent) < 2000, "a storm"
                b.rev += 1
                b.mark(b.rev % 2, b.rev, store=b.rev % stores)

            b.link.on_published = on_published
            await b.greet()
            b.publisher.connected()
            await b.settle()
            # the first opens the stream, what contradicts it is believed once
            assert set(b.link.seqs()) >= set(range(1, 400)) and len(b.link.seqs()) <= 1200
            await b.pass_time(6 * 3600, 120)
            assert len(b.link.seqs()) <= 30 * 400
            assert b.counters["watermark_restless"] > 0
            # one backend is left, with a store of its own: it is given all it lacks
            b.link.on_published = lambda _topic, _payload: b.mark(400, b.rev, store=9999)
            await b.pass_time(12 * 3600, 120)
            before = len(b.link.seqs())
            assert b.counters["stores_changed"] <= 30
            await b.pass_time(3600, 120)
            assert len(b.link.seqs()) == before

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
