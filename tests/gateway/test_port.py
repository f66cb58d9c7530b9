"""One port with its session and a real spool: acknowledgements, garbage, a port that hangs."""

import asyncio
import contextlib
import os
import random
import sqlite3
import struct
import time
import tty
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import findings
from gateway.actions import Answered
from gateway.clock import Clock, HostTime
from gateway.counters import Counters
from gateway.database import Database, connect
from gateway.dispensers import PortTask
from gateway.serial_port import PortBusyError, PortLostError, SerialPort
from gateway.spool import TABLES, Link, Spool
from protocol import schema
from protocol.framing import Frame, encode
from tests.support.chains import events_body, make_chain, tagged, untagged
from tests.support.dispenser import EVENTS, ScriptedDispenser
from tests.support.gateway import SECRET, until

EPOCH = 0xABCDEF
CHAIN = make_chain(SECRET, bytes([1] * 8), EPOCH, 400)


class _Deaf:
    def __init__(self) -> None:
        self.answers: list[Answered] = []

    def greeted(self, dispenser: str, hello: schema.Hello, body: bytes) -> None:
        pass

    def answered(self, answer: Answered) -> None:
        self.answers.append(answer)

    def committed(self, dispenser: str, epoch: int, added: Sequence[Link], end: int) -> None:
        pass


class _Bench:
    def __init__(self, folder: Path, records: list[bytes], opener: Any) -> None:
        self.path = folder / "spool.db"
        self.counters = Counters()
        self.dispenser = ScriptedDispenser(folder / "port", bytes([1] * 8), EPOCH, records)
        self.spool = Spool(Database(self.path, TABLES, self.counters, opener))
        clock = Clock()
        self.task = PortTask(
            folder / "port", self.spool, _Deaf(), self.counters, clock, HostTime(clock, 100)
        )

    def held(self) -> list[bytes]:
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as db:
            return [raw for (raw,) in db.execute("SELECT raw FROM records ORDER BY seq, raw")]

    def all_held(self) -> bool:
        with contextlib.suppress(sqlite3.OperationalError):
            return self.held() == self.dispenser.records
        return False


@contextlib.asynccontextmanager
async def bench(
    folder: Path, records: list[bytes], opener: Any = connect
) -> AsyncIterator[_Bench]:
    made = _Bench(folder, records, opener)
    made.dispenser.plug()
    running = asyncio.create_task(made.task.run())
    try:
        yield made
        assert not running.done(), "the port's task ended"
    finally:
        running.cancel()
        await asyncio.wait({running})
        await made.spool.close(2.0)
        made.dispenser.unplug()


class _SlowCommit(sqlite3.Connection):
    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "COMMIT":
            time.sleep(0.05)
        return super().execute(sql, *values)


def test_ack_only_after_commit(tmp_path: Path) -> None:
    def opener(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, factory=_SlowCommit
        )

    async def scenario() -> None:
        async with bench(tmp_path, CHAIN[:200], opener) as b:
            early = []

            def on_ack(epoch: int, following: int) -> None:
                held = {int.from_bytes(raw[:4], "big") for raw in b.held()}
                early.extend(seq for seq in range(following) if seq not in held)

            b.dispenser.on_ack = on_ack
            await until(lambda: max(b.dispenser.acked, default=0) == 200)
            assert early == [], "acknowledged before another connection could see them"
            assert len(b.dispenser.acked) >= 2

    asyncio.run(scenario())


def test_no_ack_for_what_the_spool_refuses(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, CHAIN[:20]) as b:
            await until(b.all_held)
            with contextlib.closing(sqlite3.connect(b.path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                b.dispenser.add(*CHAIN[20:30])
                await until(lambda: b.counters["spool_locked"] > 0)
                assert max(b.dispenser.acked) == 20
                other.execute("ROLLBACK")
            await until(lambda: max(b.dispenser.acked) == 30)
            assert b.all_held()

    asyncio.run(scenario())


def test_a_stranger_on_a_named_port_is_told_from_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, CHAIN[:10]) as b:
            b.dispenser.silent = True

            async def navigate() -> None:
                while True:
                    b.dispenser.write(b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9\r\n" * 20)
                    await asyncio.sleep(0.05)

            talking = asyncio.create_task(navigate())
            told = "what is there speaks, but is no dispenser"
            await until(lambda: findings.port(b.task).text == told)
            assert "named right" in findings.port(b.task).remedy
            talking.cancel()
            b.dispenser.silent = False
            await until(lambda: findings.port(b.task).works)

    asyncio.run(scenario())


def test_an_echo_is_no_answer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, CHAIN[:10]) as b:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(
                    b.dispenser, "_take", lambda frame: b.dispenser.write(encode(frame))
                )
                await until(lambda: b.counters["port_lost"])
                echoes = b.counters["foreign_frames"]
                await until(lambda: b.counters["foreign_frames"] > echoes)
                assert findings.port(b.task).text == "nobody answers"
            await until(b.all_held)
            assert findings.port(b.task).works

    asyncio.run(scenario())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_garbage_on_the_port(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)

    async def scenario() -> None:
        async with bench(tmp_path, CHAIN[:10]) as b:
            for i in range(10, 130, 10):
                await until(b.all_held)
                b.dispenser.write(_garbage(dice))
                b.dispenser.add(*CHAIN[i : i + 10])
            await until(b.all_held)
            assert b.counters["line_garbage"] > 0

    print(f"seed {seed}")
    asyncio.run(scenario())


def _garbage(dice: random.Random) -> bytes:
    good = encode(Frame(EVENTS, events_body(EPOCH, bytes(8), CHAIN[:3]), 9, from_host=False))
    flipped = bytearray(good)
    flipped[dice.randrange(1, len(good) - 1)] ^= 1 << dice.randrange(8)
    kinds = [
        dice.randbytes(300),
        bytes(flipped) + b"\x7e",
        good[: dice.randrange(1, len(good))] + b"\x7e",
        b"~" + b"x" * 1500 + b"~",
        encode(Frame(0x7F, b"??", 1, from_host=False)),
        encode(Frame(EVENTS, b"", 1)),
        b"MicroPython v1.28 on 2026-01-01; Raspberry Pi Pico with RP2040\r\n>>> ",
    ]
    return b"".join(dice.sample(kinds, 3)) + b"\x7e"


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(blobs=st.lists(st.binary(max_size=200), min_size=1, max_size=8))
def test_any_bytes_and_the_next_good_record_works(
    tmp_path_factory: pytest.TempPathFactory, blobs: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("any")

    async def scenario() -> None:
        async with bench(folder, CHAIN[:5]) as b:
            await until(b.all_held)
            for blob in blobs:
                b.dispenser.write(blob)
                b.dispenser.write(encode(Frame(EVENTS, blob, 2, from_host=False)))
                b.dispenser.write(encode(Frame(1, blob, 2, from_host=False, reply=True)))
                b.dispenser.write(encode(Frame(15, blob, 2, from_host=False, reply=True)))
            b.dispenser.write(b"\x7e")
            b.dispenser.add(*CHAIN[5:8])
            await until(b.all_held)

    asyncio.run(scenario())


def test_malformed_events_are_read_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, CHAIN[:10]) as b:
            await until(b.all_held)
            for body in (
                events_body(EPOCH + 1, CHAIN[9][-8:], CHAIN[10:12]),
                events_body(EPOCH, CHAIN[9][-8:], [CHAIN[10], CHAIN[12]]),
                events_body(EPOCH, CHAIN[9][-8:], CHAIN[10:12])[:-3],
            ):
                before, asked = b.counters["bad_messages"], len(b.dispenser.reads)
                b.dispenser.send_events(body)
                await until(lambda before=before: b.counters["bad_messages"] == before + 1)
                # the next answers the new READ: to an old one it would be foreign
                await until(lambda asked=asked: len(b.dispenser.reads) > asked)
            b.dispenser.add(*CHAIN[10:20])
            await until(b.all_held)

    asyncio.run(scenario())


def test_late_events_of_another_read_are_ignored(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, CHAIN[:10]) as b:
            await until(b.all_held)
            b.dispenser.send_events(events_body(EPOCH, CHAIN[99][-8:], CHAIN[100:110]), ref=0xEE)
            await until(lambda: b.counters["foreign_frames"] == 1)
            b.dispenser.add(*CHAIN[10:20])
            await until(b.all_held)

    asyncio.run(scenario())


def test_a_jump_without_gap_is_asked_for_then_alarmed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, [*CHAIN[:10], *CHAIN[15:30]]) as b:
            await until(b.all_held)
            assert b.counters["missing"] == 1
            assert b.dispenser.reads.count((EPOCH, 10)) == 3, "asked again, and not for ever"

    asyncio.run(scenario())


def test_a_jump_named_by_a_gap_is_taken(tmp_path: Path) -> None:
    data = struct.pack(">IIB", 10, 14, 2)
    gap = tagged(SECRET, bytes([1] * 8), EPOCH, CHAIN[9][-8:], untagged(15, 4, data))

    async def scenario() -> None:
        async with bench(tmp_path, [*CHAIN[:10], gap]) as b:
            await until(b.all_held)
            assert b.counters["missing"] == 0
            assert b.dispenser.reads == [(EPOCH, 0)]

    asyncio.run(scenario())


def test_a_trimmed_journal_is_read_from_its_first(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, CHAIN[:10]) as b:
            await until(b.all_held)
            b.dispenser.unplug()
            b.dispenser.records, b.dispenser.first = CHAIN[20:60], 20
            b.dispenser.plug()
            await until(lambda: b.held() == [*CHAIN[:10], *CHAIN[20:60]])
            assert b.counters["missing"] == 1

    asyncio.run(scenario())


def test_another_life_of_a_journal_is_read_whole(tmp_path: Path) -> None:
    other = make_chain(b"x" * 32, bytes([1] * 8), EPOCH, 40)

    async def scenario() -> None:
        async with bench(tmp_path, CHAIN[:20]) as b:
            await until(b.all_held)
            b.dispenser.unplug()
            b.dispenser.records = other
            b.dispenser.plug()
            await until(lambda: set(b.held()) == {*CHAIN[:20], *other})
            assert b.counters["chain_breaks"] == 1

    asyncio.run(scenario())


def test_a_journal_that_goes_back_within_a_session_is_read_from_there(tmp_path: Path) -> None:
    other = make_chain(b"x" * 32, bytes([1] * 8), EPOCH, 15)

    async def scenario() -> None:
        async with bench(tmp_path, CHAIN[:20]) as b:
            await until(b.all_held)
            b.dispenser.records = CHAIN[:10]
            await until(lambda: b.counters["cursor_beyond"])
            b.dispenser.add(*other[10:])
            await until(lambda: set(b.held()) == {*CHAIN[:20], *other[10:]})

    asyncio.run(scenario())


def test_a_rebooted_dispenser_is_read_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, CHAIN[:10]) as b:
            await until(b.all_held)
            b.dispenser.reboot()
            b.dispenser.add(*CHAIN[10:20])
            await until(b.all_held)

    asyncio.run(scenario())


def test_waiting_bytes_are_kept_at_opening(tmp_path: Path) -> None:
    async def scenario() -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.write(master, b"before")
        port = SerialPort(Path(os.ttyname(slave)))
        assert await port.read(1.0) == b"before"
        with pytest.raises(PortBusyError):
            SerialPort(Path(os.ttyname(slave)))
        with pytest.raises(PortLostError):
            await port.write(b"x" * 1_000_000, 0.1)
        assert await port.read(0.01) == b""
        port.wake()
        assert await port.read(30.0) == b""
        os.close(slave)
        os.close(master)
        with pytest.raises(PortLostError):
            await port.read(1.0)
        port.close()

    asyncio.run(scenario())


def test_no_terminal_is_an_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "file").write_text("")
        for path in (tmp_path / "file", tmp_path / "none"):
            with pytest.raises(OSError):
                SerialPort(path)

    asyncio.run(scenario())


def test_a_path_that_leads_to_another_port_is_followed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, CHAIN[:20]) as b:
            await until(b.all_held)
            other = ScriptedDispenser(tmp_path / "other", bytes([2] * 8), EPOCH, CHAIN[:5])
            other.plug()
            try:
                # the first one is still there, and answers
                new = tmp_path / "new"
                new.symlink_to(other.link.readlink())
                new.replace(tmp_path / "port")
                await until(lambda: max(other.acked, default=0) == 5)
                assert b.task.dispenser == other.id
                # a name that is gone is no reason to leave who answers
                (tmp_path / "port").unlink()
                pings = other.received[1]
                await until(lambda: other.received[1] > pings + 2)
                other.add(*CHAIN[5:30])
                await until(lambda: max(other.acked) == 30)
                assert b.counters["port_opened"] == 2
            finally:
                other.unplug()

    asyncio.run(scenario())
