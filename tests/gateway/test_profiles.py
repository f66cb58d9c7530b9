"""Profiles: what waits for company, who stays connected and who sleeps, how silence ends."""

import asyncio
import random
import socket
from pathlib import Path

import pytest

from gateway import config
from gateway.keepalive import Keepalive
from gateway.pending import Pending
from gateway.pump import tune
from gateway.schedule import Schedule
from tests.support.chains import tagged, untagged
from tests.support.publishing import Bench, E, publisher_bench

LID, RESPONSE = 0x20, 0x24
_DAY = 86_400.0


def _chain(*kinds: tuple[int, bytes]) -> list[bytes]:
    previous, chain = bytes(8), []
    for seq, (kind, data) in enumerate(kinds):
        chain.append(tagged(b"k" * 32, bytes([1] * 8), E, previous, untagged(seq, kind, data)))
        previous = chain[-1][-8:]
    return chain


def _response(button: int) -> tuple[int, bytes]:
    return RESPONSE, b"\0\1" + bytes([button, 0]) + bytes(4)


_NORMAL = (LID, b"\0\1")


async def _opened(b: Bench) -> None:
    """Let the first record be published and confirmed."""
    await b.add(0, 0)
    await b.greet()
    b.publisher.connected()
    await b.settle()
    b.mark(0, 1)
    await b.settle()
    b.mark(1, 2)
    await b.settle()
    b.link.sent.clear()


def _questions(b: Bench) -> int:
    return sum(topic.endswith("/hello") for topic, _ in b.link.sent)


@pytest.mark.parametrize(("profile", "period"), [("hourly", 3600.0), ("daily", _DAY)])
def test_a_slow_profile_stays_and_publishes_once_a_period_but_urgent_at_once(
    tmp_path: Path, profile: str, period: float
) -> None:
    chain = _chain(*[_NORMAL] * 20, _response(4), _NORMAL)

    async def scenario() -> None:
        settings = config.Publishing(profile=profile)  # type: ignore[arg-type]
        async with publisher_bench(tmp_path, settings, chain) as b:
            await _opened(b)
            for seq in range(1, 20):
                await b.add(seq, seq)
                await b.pass_time(period / 20, period / 40)
            assert b.link.events == [], "they wait for each other"
            await b.pass_time(period / 10, period / 200)
            assert b.link.seqs() == list(range(1, 20)) and len(b.link.events) == 1
            await b.add(20, 21)
            await b.settle()
            assert b.link.seqs()[19:] == [20], "urgent goes at once, and alone"
            assert (b.link.slept, b.link.woken) == ([], 1)

    asyncio.run(scenario())


def test_it_sleeps_where_staying_costs_more_than_coming_back(tmp_path: Path) -> None:
    for profile, least in (("hourly", 72), ("daily", 1728)):
        schedule = Schedule(profile)
        schedule.connected(0.0, least)
        assert schedule.stays and schedule.sleep_for(1000.0, done=True) is None
        schedule.connected(0.0, least - 1)
        assert not schedule.stays and schedule.sleep_for(1000.0, done=True) is not None
        assert schedule.gather == 0.0
    schedule = Schedule("prompt", 50.0)
    schedule.connected(0.0, 5)
    assert schedule.stays and schedule.gather == 50.0

    async def scenario() -> None:
        async with publisher_bench(tmp_path, config.Publishing(profile="daily")) as b:
            await _opened(b)
            await b.add(1, 3)
            await b.pass_time(60)
            assert b.link.events == []
            b.publisher.disconnected()
            b.link.keepalive = 900  # the way is found out to be forgetful
            b.publisher.connected()
            await b.settle()
            assert b.link.seqs() == [1, 2, 3], "nothing is left for the next day"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("record", "asked_after"),
    [(_NORMAL, 21_600 + 300), (_response(1), 300), (_response(4), 300)],
)
def test_what_the_backend_confirms_by_itself_is_not_asked_for_before(
    tmp_path: Path, record: tuple[int, bytes], asked_after: float
) -> None:
    async def scenario() -> None:
        async with publisher_bench(tmp_path, chain=_chain(_NORMAL, record, _NORMAL)) as b:
            await _opened(b)
            await b.add(1, 1)
            await b.settle()
            assert b.link.seqs() == [1]
            await b.pass_time(asked_after - 30, 30)
            assert _questions(b) == 0
            await b.pass_time(60, 5)
            assert _questions(b) == 1

    asyncio.run(scenario())


def test_what_a_watermark_leaves_out_is_asked_for_soon_and_published_again(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with publisher_bench(tmp_path) as b:
            await _opened(b)
            await b.add(1, 4)
            await b.pass_time(5)
            assert b.link.seqs() == [1, 2, 3, 4]
            b.mark(3, 3)  # a backend that came back tells what it holds: not all of it
            await b.pass_time(290)
            assert _questions(b) == 0
            await b.pass_time(20)
            assert _questions(b) == 1
            b.mark(3, 4)
            await b.settle()
            assert b.link.seqs()[4:] == [3, 4]

    asyncio.run(scenario())


@pytest.mark.parametrize("seed", [1, 2])
def test_a_day_in_which_the_backend_keeps_its_interval_costs_no_question(
    tmp_path: Path, seed: int
) -> None:
    print(f"seed {seed}")
    dice = random.Random(seed)

    async def scenario() -> None:
        async with publisher_bench(tmp_path) as b:
            await _opened(b)
            rev, marked, seq = 2, b.now, 1
            for at in sorted(dice.uniform(0, _DAY) for _ in range(18)):
                while b.now < at:
                    await b.pass_time(min(600.0, at - b.now), 600.0)
                    if b.now - marked >= 21_600:
                        rev, marked = rev + 1, b.now
                        b.mark(seq, rev)
                await b.add(seq, seq)
                await b.settle()
                seq += 1
            assert (_questions(b), len(b.link.events)) == (0, 18)

    asyncio.run(scenario())


def test_a_slow_profile_probes_by_tcp_and_pings_rarely() -> None:
    for profile, ping in (("hourly", 43_200), ("daily", 65_535)):
        keepalive = Keepalive(3600, profile)
        assert (keepalive.mqtt, keepalive.probe_after) == (ping, 3600)
        keepalive.lost(silent=3700, lasted=3700)
        assert (keepalive.mqtt, keepalive.probe_after) == (ping, 1800)
    assert Keepalive(65_535, "hourly").mqtt == 65_535
    keepalive = Keepalive(3600)
    assert (keepalive.mqtt, keepalive.probe_after) == (3600, None)


def test_silence_that_an_outage_explains_is_no_forgetful_nat() -> None:
    keepalive = Keepalive(3600)
    keepalive.lost(silent=3700, lasted=9000)
    keepalive.tried(worked=False)
    assert keepalive.seconds == 3600
    keepalive.tried(worked=True)
    keepalive.lost(silent=3700, lasted=9000)
    keepalive.tried(worked=True)
    keepalive.tried(worked=False)
    assert keepalive.seconds == 1800, "it came back at once: forgotten"


def test_the_kernel_is_told_to_probe_and_how_long_to_wait() -> None:
    def told(name: int) -> int:
        return sock.getsockopt(socket.IPPROTO_TCP, name)

    with socket.socket() as sock:
        tune(sock, 3600)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert (told(socket.TCP_KEEPIDLE), told(socket.TCP_KEEPINTVL)) == (3600, 15)
        # it is above the first probe's time: one lost packet ends nothing
        assert told(socket.TCP_USER_TIMEOUT) == 3_660_000
        tune(sock, 65_535)
    with socket.socket() as sock:
        tune(sock)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
        assert told(socket.TCP_USER_TIMEOUT) == 60_000


def test_a_broker_that_answers_nothing_is_given_up_after_a_minute() -> None:
    now = [0.0]
    pending = Pending(lambda: now[0])
    now[0] = 1000.0
    assert not pending.overdue, "nothing is owed"
    pending.add(1)
    now[0] += 50
    pending.add(2)
    assert pending.take(1) and not pending.take(1)
    now[0] += 50
    assert not pending.overdue, "slow, but it answers"
    now[0] += 11
    assert pending.overdue
    pending.clear()
    assert not pending.overdue and not pending


@pytest.mark.parametrize(
    ("profile", "period", "keepalive"), [("hourly", 3600.0, 60), ("daily", 86_400.0, 1200)]
)
def test_slow_profiles_publish_wait_for_the_answer_and_sleep(
    tmp_path: Path, profile: str, period: float, keepalive: int
) -> None:
    chain = _chain(*[_NORMAL] * 10, _response(4))

    async def scenario() -> None:
        settings = config.Publishing(profile=profile)  # type: ignore[arg-type]
        async with publisher_bench(tmp_path, settings, chain) as b:
            b.link.keepalive = keepalive
            await b.add(0, 4)
            await b.greet()
            b.publisher.connected()
            await b.settle()
            assert b.link.slept == [], "not before its question was answered"
            b.mark(0, 1)
            await b.settle()
            assert b.link.seqs() == [0, 1, 2, 3, 4]
            assert b.link.slept == [], "not before what it published is confirmed"
            await b.pass_time(3)
            assert b.link.sent[-1][0].endswith("/hello"), "it asks, not to wait for long"
            b.mark(5, 2)
            await b.pass_time(3)
            assert len(b.link.slept) == 1
            assert 0.9 * period < b.link.slept[0] < 1.1 * period
            sent = len(b.link.sent)
            await b.add(5, 9)
            await b.pass_time(600, 60)
            assert (len(b.link.sent), b.link.woken) == (sent, 0)
            await b.add(10, 10)
            await b.settle()
            assert b.link.woken == 1, "urgent wakes it"

    asyncio.run(scenario())


def test_a_slow_profile_gives_up_after_five_minutes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with publisher_bench(tmp_path, config.Publishing(profile="daily")) as b:
            b.link.keepalive = 1200
            await b.add(0, 4)
            await b.greet()
            b.publisher.connected()
            await b.pass_time(290, 10)
            assert b.link.slept == []
            await b.pass_time(20, 10)
            assert len(b.link.slept) == 1

    asyncio.run(scenario())


def test_a_release_that_comes_in_keeps_a_slow_profile_awake(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with publisher_bench(tmp_path, config.Publishing(profile="daily")) as b:
            b.link.keepalive = 1200
            await b.add(0, 4)
            await b.greet()
            b.answer_everything()
            b.publisher.connected()
            await b.settle()
            for _ in range(10):
                b.publisher.under_way()
                await b.pass_time(2)
            assert b.link.slept == []
            await b.pass_time(5)
            assert len(b.link.slept) == 1

    asyncio.run(scenario())
