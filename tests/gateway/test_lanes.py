"""Urgent and normal lane, and what a day costs: on the test's own time."""

import asyncio
import random
from pathlib import Path

import pytest

from gateway import config
from gateway.lanes import Lanes
from protocol import schema, wire
from tests.support.chains import tagged, untagged
from tests.support.publishing import Bench, D, E, publisher_bench

LID, RESPONSE, HEARTBEAT, TAMPER, FAULT, GAP = 0x20, 0x24, 0x08, 0x0E, 0x0D, 0x04
_SECRET, _DEVICE = b"k" * 32, bytes([1] * 8)


def _response(button: int) -> tuple[int, bytes]:
    return RESPONSE, b"\0\1" + bytes([button, 0]) + bytes(4)


def _chain(*kinds: tuple[int, bytes]) -> list[bytes]:
    previous, chain = bytes(8), []
    for seq, (kind, data) in enumerate(kinds):
        chain.append(tagged(_SECRET, _DEVICE, E, previous, untagged(seq, kind, data)))
        previous = chain[-1][-8:]
    return chain


_NORMAL = (LID, b"\0\1")
_SEVERE = _response(4)
# a ping every 20 min, 204 bytes with its answer and all headers
_PINGS = 86_400 // 1200 * 204


async def _opened(b: Bench, records: int = 1) -> None:
    """Let the first records be published and confirmed."""
    await b.add(0, records - 1)
    await b.greet()
    b.publisher.connected()
    await b.settle()
    b.mark(0, 1)
    await b.settle()
    b.mark(records, 2)
    b.rev = 2
    await b.settle()
    b.link.sent.clear()


@pytest.mark.parametrize(
    ("kind", "urgent"),
    [
        (_response(2), False),
        (_response(3), True),
        (_response(4), True),
        ((RESPONSE, b"\0"), True),
        ((TAMPER, b"\1\xff"), True),
        ((FAULT, bytes(6)), True),
        (_NORMAL, False),
        ((0x7F, b"x"), False),
    ],
)
def test_what_is_urgent(kind: tuple[int, bytes], urgent: bool) -> None:
    (raw,) = _chain(kind)
    assert Lanes(config.Publishing(urgent_response=3)).urgent(raw) is urgent


def test_no_response_is_urgent_above_the_last_button() -> None:
    assert not Lanes(config.Publishing(urgent_response=5)).urgent(_chain(_SEVERE)[0])


def test_urgent_goes_at_once_alone_and_the_rest_waits_for_company(tmp_path: Path) -> None:
    chain = _chain(*[_NORMAL] * 4, _SEVERE, *[_NORMAL] * 3)

    async def scenario() -> None:
        async with publisher_bench(tmp_path, config.Publishing(coalesce=50), chain) as b:
            await _opened(b)
            await b.add(1, 6)
            await b.settle()
            assert b.link.seqs() == [4]
            (payload,) = b.link.events
            events = wire.parse(schema.Events, payload)
            assert events.previous == chain[3][-8:], "its predecessor's tag comes with it"
            await b.pass_time(48)
            assert b.link.seqs() == [4]
            await b.add(7, 7)
            await b.pass_time(3)
            assert b.link.seqs() == [4, 1, 2, 3, 5, 6, 7], "50 s after the first, once each"
            assert len(b.link.events) == 3

    asyncio.run(scenario())


def test_urgent_goes_in_the_same_breath_as_its_commit(tmp_path: Path) -> None:
    chain = _chain(*[_NORMAL] * 3, _SEVERE, _NORMAL, _SEVERE, _SEVERE, _SEVERE)

    async def scenario() -> None:
        async with publisher_bench(tmp_path, config.Publishing(coalesce=50), chain) as b:
            await _opened(b)
            await b.add(1, 5)
            assert b.link.seqs() == [5, 3], "nothing else ran since they were committed"
            b.link.sent.clear()
            # not past what waits already, nor without a way
            b.publisher.disconnected()
            await b.add(6, 6)
            await b.settle()
            await b.add(7, 7)
            assert b.link.sent == []
            b.publisher.connected()
            await b.settle()
            assert b.link.seqs()[:2] == [7, 6]

    asyncio.run(scenario())


@pytest.mark.parametrize("tick", [0.05, 0.07, 0.11, 0.13, 0.17, 0.23, 0.29, 0.31, 0.47])
def test_what_comes_due_while_it_looks_is_not_slept_over(tmp_path: Path, tick: float) -> None:
    async def scenario() -> None:
        async with publisher_bench(tmp_path, config.Publishing(coalesce=1)) as b:
            await _opened(b)
            b.tick = tick
            await b.add(1, 2)
            async with asyncio.timeout(20):  # of real time; asleep it would be for a minute
                while b.link.seqs() != [1, 2]:
                    await asyncio.sleep(0.001)

    asyncio.run(scenario())


def test_a_full_body_does_not_wait(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with publisher_bench(tmp_path, config.Publishing(coalesce=50)) as b:
            await _opened(b)
            await b.add(1, 254)
            await b.settle()
            assert b.link.seqs() == []
            await b.add(255, 256)
            await b.settle()
            assert b.link.seqs() == list(range(1, 256)), "the one behind it waits"

    asyncio.run(scenario())


def test_heartbeats_cause_no_publish_and_go_with_the_next(tmp_path: Path) -> None:
    chain = _chain(_NORMAL, *[(HEARTBEAT, bytes(20))] * 3, _NORMAL)

    async def scenario() -> None:
        async with publisher_bench(tmp_path, config.Publishing(coalesce=50), chain) as b:
            await _opened(b)
            await b.add(1, 3)
            await b.pass_time(86_400, 1800)
            assert b.link.sent == []
            await b.add(4, 4)
            await b.pass_time(60, 10)
            assert b.link.seqs() == [1, 2, 3, 4]

    asyncio.run(scenario())


def test_the_newest_urgent_does_not_wait_behind_a_backlog(tmp_path: Path) -> None:
    kinds = [_NORMAL] * 2000
    kinds[700], kinds[1990] = _SEVERE, _SEVERE
    chain = [
        untagged(seq, kind, data) + seq.to_bytes(8, "big")
        for seq, (kind, data) in enumerate(kinds)
    ]

    async def scenario() -> None:
        async with publisher_bench(tmp_path, config.Publishing(), chain) as b:
            await b.add(0, 1999)
            await b.greet()
            b.publisher.connected()
            await b.settle()
            b.answer_everything()
            b.mark(0, 0)
            await b.settle()
            seqs = b.link.seqs()
            assert seqs[:2] == [1990, 700]
            assert sorted(seqs) == list(range(2000)), "once each"

    asyncio.run(scenario())


def test_an_urgent_record_read_ahead_of_the_backlog_is_published_ahead(tmp_path: Path) -> None:
    chain = _chain(*[_NORMAL] * 39, _SEVERE)

    async def scenario() -> None:
        async with publisher_bench(tmp_path, config.Publishing(coalesce=50), chain) as b:
            await _opened(b)
            await b.add(30, 39, ahead=True)
            await b.settle()
            assert b.link.seqs() == [39]
            await b.add(1, 39)
            await b.pass_time(60, 10)
            assert sorted(b.link.seqs()) == list(range(1, 40))

    asyncio.run(scenario())


def test_what_was_read_ahead_waits_no_longer_than_the_rest(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with publisher_bench(tmp_path, config.Publishing(coalesce=50)) as b:
            await _opened(b)
            await b.add(5, 8, ahead=True)
            await b.pass_time(60)
            assert b.link.seqs() == []
            await b.add(1, 4)
            await b.pass_time(51)
            assert b.link.seqs() == [1, 2, 3, 4]
            # the cursor passes what the spool holds since then: nothing of it is new
            await b.add(5, 8)
            await b.pass_time(51)
            assert b.link.seqs() == list(range(1, 9))

    asyncio.run(scenario())


def test_what_a_trimmed_gap_names_is_published_though_the_watermark_passed_it(
    tmp_path: Path,
) -> None:
    gap = (GAP, (5).to_bytes(4, "big") + (14).to_bytes(4, "big") + b"\1")
    chain = _chain(*[_NORMAL] * 20, gap)

    async def scenario() -> None:
        async with publisher_bench(tmp_path, config.Publishing(coalesce=0), chain) as b:
            await b.add(0, 20)
            await b.greet()
            b.publisher.connected()
            await b.settle()
            # another gateway read and published from 15 on, the GAP let the watermark pass
            b.mark(21, 1)
            await b.settle()
            assert b.link.seqs() == list(range(5, 15))
            (saved,) = await b.spool.saved()
            assert saved.doubts == [(0 + 5, 14)]
            b.mark(21, 2)
            await b.settle()
            (saved,) = await b.spool.saved()
            assert saved.doubts == [], "settled: not again after a restart"

    asyncio.run(scenario())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_backend_away_for_a_day_costs_no_more_than_two_days(tmp_path: Path, seed: int) -> None:
    print(f"seed {seed}")
    normal = asyncio.run(_day(tmp_path / "there", seed, code=0))
    away = asyncio.run(_day(tmp_path / "away", seed, code=0x10))
    assert away <= 2 * normal, (away, normal)


async def _day(folder: Path, seed: int, code: int) -> int:
    """Return the bytes of a day with 40 records in 10 openings, 4 heartbeats among them."""
    folder.mkdir()
    random.seed(seed)
    dice = random.Random(seed)
    chain = _chain(*[_NORMAL if i % 11 else (HEARTBEAT, bytes(20)) for i in range(45)])
    async with publisher_bench(folder, config.Publishing(), chain, probe_max=14_400) as b:
        await _opened(b)
        b.answer_everything([0])
        b.link.code = code
        times = sorted(dice.uniform(0, 86_400) for _ in range(10))
        done = 1
        for at in times:
            await b.pass_time(at - b.now, 300)
            await b.add(done, done + 3)
            done += 4
            await b.settle()
        await b.pass_time(86_400 - b.now, 300)
        # TLS, TCP and IP, PUBACK and WATERMARK: see the bytes counted on the line
        sent = _PINGS + sum(len(topic) + len(payload) + 330 for topic, payload in b.link.sent)
        if code == 0:
            assert b.link.seqs() and set(b.link.seqs()) == set(range(1, done))
        else:
            b.link.code = 0
            b.mark(1, 10)
            await b.pass_time(120, 10)
            assert set(b.link.seqs()) == set(range(1, done)), "a watermark ends the pause at once"
        return sent


def test_only_a_moving_watermark_makes_delays_short_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with publisher_bench(tmp_path, probe_max=14_400) as b:
            await _opened(b)
            b.link.code = 0x10
            await b.add(1, 300)
            await b.pass_time(6 * 3600, 60)
            # it accepts and drops: nothing moves
            b.link.code = 0
            await b.pass_time(4 * 3600, 60)
            before = len(b.link.sent)
            b.link.code = 0x10
            await b.pass_time(4 * 3600, 60)
            assert len(b.link.sent) - before < 16, "began again with short delays"

    asyncio.run(scenario())


def test_spoilt_records_are_put_right_and_the_rest_goes_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with publisher_bench(tmp_path) as b:
            await b.add(0, 9)

            def spoil(db: object) -> None:
                db.execute("UPDATE records SET seq = 70 WHERE seq = 3")  # type: ignore[attr-defined]
                db.execute("UPDATE records SET raw = x'0011' WHERE seq = 5")  # type: ignore[attr-defined]

            await b.spool._database.run(spoil)
            await b.greet()
            b.publisher.connected()
            await b.settle()
            b.mark(0, 1)
            await b.settle()
            await b.settle()
            assert sorted(b.link.seqs()) == [0, 1, 2, 3, 4, 6, 7, 8, 9]
            assert b.counters["records_mended"] == 2
            assert [link.seq for link in await b.spool.fetch(D, E, 0)] == [
                0,
                1,
                2,
                3,
                4,
                6,
                7,
                8,
                9,
            ]

    asyncio.run(scenario())
