"""Commands from the backend: kept, handed on in session, the answer sent up, once."""

import asyncio
import random
import signal
import struct
from pathlib import Path

import pytest

from gateway import mailbox
from gateway.commands import Commands
from gateway.counters import Counters
from gateway.database import Database
from gateway.deliveries import Deliveries
from gateway.listener import Message
from gateway.mailbox import Mailbox
from gateway.orders import Order, Orders
from gateway.spool import TABLES, Spool
from gateway.stock import Stock
from gateway.switchboard import Switchboard
from gateway.transfer import Transfer
from protocol.framing import Frame
from sim.certificates import Pki
from tests.support.chains import make_chain
from tests.support.dispenser import CONFIG_GET, CONFIG_PUT, ERROR
from tests.support.gateway import GATEWAY, SECRET, rig, until
from tests.support.publishing import D, publisher_bench

EPOCH = 0xC0DE
SEEN = 16
CHAIN = make_chain(SECRET, bytes([1] * 8), EPOCH, 20)
MAC = b"m" * 16


def _config(counter: int) -> bytes:
    return struct.pack(">I", counter) + MAC + b"settings %d" % counter


def _release(counter: int) -> bytes:
    return struct.pack(">I", counter) + MAC + b"\0\2\1\4\0\x50" + b"h" * 32


def _accept(frame: Frame) -> Frame:
    return Frame(CONFIG_GET, frame.body[:4] + frame.body[20:], frame.ref, False, reply=True)


def test_a_command_reaches_the_dispenser_and_its_answer_the_backend(
    tmp_path: Path, pki: Pki
) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            one = r.dispenser(1, EPOCH, CHAIN)
            one.on_command = _accept
            await r.run_gateway()
            await until(lambda: r.stored(one))
            r.backend.command(GATEWAY, one.id, "config", _config(7), 3600)
            r.backend.command(GATEWAY, one.id, "config", _config(8), 3600)
            answers = r.backend.answers_to_commands
            await until(lambda: len(answers) == 2)
            assert one.commands == [(CONFIG_PUT, _config(7)), (CONFIG_PUT, _config(8))]
            assert answers == [
                (one.id, "config", 7, b"\0\0\0\7settings 7"),
                (one.id, "config", 8, b"\0\0\0\10settings 8"),
            ]
            await until(lambda: r.query("SELECT count(*) FROM commands") == [(0,)])

    asyncio.run(scenario())


def test_a_command_waits_for_the_dispenser_through_kills(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            one = r.dispenser(1, EPOCH, CHAIN)
            one.on_command = lambda frame: Frame(ERROR, b"\1\7no", frame.ref, False, reply=True)
            await r.run_gateway()
            await until(lambda: r.stored(one))
            one.unplug()
            r.backend.command(GATEWAY, one.id, "config", _config(9), 3600)
            await until(lambda: r.query("SELECT counter FROM commands") == [(9,)])
            await r.end_gateway(signal.SIGKILL)
            await asyncio.to_thread(r.backend.stop)
            await r.run_gateway()
            one.plug()
            sql = "SELECT answer_kind FROM commands"
            await until(lambda: r.query(sql) == [("error",)])
            await r.end_gateway(signal.SIGKILL)
            # answered, but nobody was there to hear it
            await r.backend.start()
            await r.run_gateway()
            await until(lambda: len(r.backend.answers_to_commands) >= 1)
            assert r.backend.answers_to_commands[0] == (one.id, "error", 9, b"\1\7no")
            assert one.commands == [(CONFIG_PUT, _config(9))], "given once"

    asyncio.run(scenario())


class _Device:
    dispenser = D

    def __init__(self) -> None:
        self.orders: list[Order] = []

    def order(self, orders: list[Order]) -> None:
        self.orders += orders

    def deliver(self, order: Order, transfer: Transfer) -> None:
        raise AssertionError("never whole")


def _message(topic: str, payload: bytes, confirmed: list[int], expiry: int | None) -> Message:
    return Message(topic, payload, expiry, lambda: confirmed.append(1))


def test_a_command_for_a_dispenser_that_is_not_here_yet_waits_for_it(
    tmp_path: Path, pki: Pki
) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            one = r.dispenser(1, EPOCH, CHAIN)
            one.on_command = _accept
            one.unplug()
            await r.run_gateway()
            await until(lambda: r.logged("connected"))
            r.backend.command(GATEWAY, one.id, "config", _config(7), 3600)
            await until(lambda: r.query("SELECT counter FROM commands") == [(7,)])
            one.plug()
            answers = r.backend.answers_to_commands
            await until(lambda: answers == [(one.id, "config", 7, b"\0\0\0\7settings 7")])
            assert one.commands == [(CONFIG_PUT, _config(7))]

    asyncio.run(scenario())


def test_expired_unknown_and_too_many(tmp_path: Path) -> None:
    async def scenario() -> None:
        counters, now = Counters(), [2e9]
        database = Database(tmp_path / "s.db", TABLES, counters)
        box = Mailbox(database, lambda: now[0])
        order = Order("config", 1, _config(1))
        for number in range(32):
            assert await box.put(f"{number:016x}", order, 1), "never seen here"
        assert not await box.put("f" * 16, order, 60), "too many for strangers"
        await Spool(database).greet(D, 1, b"hello")
        for counter in range(1, 9):
            assert await box.put(D, Order("config", counter, _config(counter)), counter)
        assert not await box.put(D, Order("config", 9, _config(9)), 60)
        assert [o.counter for o in await box.waiting(D)] == list(range(1, 9))
        now[0] += 4.5
        assert await box.expire() == 32 + 4
        await box.answered(mailbox.Answer(D, 5, "config", "config", b"x"))
        now[0] += 100
        assert await box.expire() == 3
        assert [answer.counter for answer in await box.answers()] == [5]
        await database.close(2.0)

    asyncio.run(scenario())


def test_one_at_a_time_again_when_not_answered_then_the_next() -> None:
    orders = Orders()
    first, second = Order("config", 1, b"1"), Order("seen", 2, b"2")
    orders.add([first, second])
    orders.add([first])
    for at in (0.0, 10.0, 20.0):
        assert orders.due(at) == first
        orders.given(int(at), at)
        assert orders.due(at + 9.9) is None
    assert orders.due(30.0) == second
    orders.given(99, 30.0)
    assert orders.take(Frame(CONFIG_GET, b"", 99, False, reply=True)) is None, "of another kind"
    assert orders.take(Frame(SEEN, b"", 98, False, reply=True)) is None
    assert orders.take(Frame(SEEN, b"", 99, False)) is None, "no reply"
    answer = orders.take(Frame(SEEN, b"r", 99, False, reply=True))
    assert answer == (second, "seen", b"r")
    assert orders.due(31.0) is None


async def _throw(folder: Path, seed: int, count: int) -> None:
    """Mutate downlink payloads; whatever comes, the next good command and watermark work."""
    dice = random.Random(seed)
    async with publisher_bench(folder) as b:
        await b.add(0, 99)
        await b.greet()
        b.publisher.connected()
        await b.settle()
        b.mark(0, 1)
        await b.settle()
        device, confirmed = _Device(), list[int]()
        stock = Stock(folder / "releases", None)
        deliveries = Deliveries("gw-1", stock, b.link, b.counters, lambda: 0.0)
        box = Mailbox(b.spool._database)
        commands = Commands("gw-1", box, b.link, b.counters, deliveries)
        running = asyncio.create_task(commands.run([device]))
        board = Switchboard(b.publisher, commands)
        good = [
            ("watermark", _mark_body(b, dice)),
            ("config", _config(5)),
            ("release", _release(6)),
            ("piece", bytes(32) + _release(6)),
        ]
        for number in range(count):
            kind, body = dice.choice(good)
            topic = f"rtm/v1/gw-1/dn/{D}/{kind}"
            board.message(_message(_mutate_topic(dice, topic), _mutate(dice, body), confirmed, 60))
            if number % 500 == 0:
                await b.settle()
                await _emptied(commands)
        await b.settle()
        await _emptied(commands)
        await b.spool._database.run(lambda db: db.execute("DELETE FROM commands"))
        device.orders.clear()
        board.message(_message(f"rtm/v1/gw-1/dn/{D}/config", _config(77), confirmed, 60))
        await until(lambda: device.orders == [Order("config", 77, _config(77))])
        held = [link.raw for link in await b.spool.fetch(D, 77, 0)]
        assert held == b.chain[:100], "no record changed or was pruned"
        b.rev = 0xFFFFFFFF
        b.mark(100, b.rev)
        await b.settle()
        assert not running.done()
        running.cancel()
        await asyncio.wait({running})


async def _emptied(commands: Commands) -> None:
    while commands._inbox:
        await asyncio.sleep(0.001)


def _mark_body(b: object, dice: random.Random) -> bytes:
    return struct.pack(">II8sIIBB", 77, dice.randrange(100), bytes(8), 1, 5, 0, 0)


def _mutate(dice: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(dice.randrange(4)):
        how = dice.randrange(4)
        at = dice.randrange(len(changed) + 1)
        if how == 0 and at < len(changed):
            changed[at] ^= 1 << dice.randrange(8)
        elif how == 1:
            del changed[at:]
        elif how == 2:
            changed[at:at] = dice.randbytes(dice.randrange(40))
        else:
            changed += dice.randbytes(dice.randrange(2000))
    return bytes(changed)


def _mutate_topic(dice: random.Random, topic: str) -> str:
    if dice.random() < 0.9:
        return topic
    at = dice.randrange(len(topic))
    return topic[:at] + chr(dice.randrange(1, 0x300)) + topic[at + dice.randrange(3) :]


@pytest.mark.parametrize("seed", [1])
def test_mutated_downlink(tmp_path: Path, seed: int) -> None:
    print(f"seed {seed}")
    asyncio.run(_throw(tmp_path, seed, 1000))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_mutated_downlink_for_long(tmp_path: Path, seed: int) -> None:
    print(f"seed {seed}")
    asyncio.run(_throw(tmp_path, seed, 10_000))
