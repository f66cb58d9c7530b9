"""A dispenser at its prompt: noticed, left to whoever works there, started when nobody does."""

import asyncio
import contextlib
import fcntl
import os
import tty
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.clock import Clock, HostTime
from gateway.counters import Counters
from gateway.database import Database
from gateway.dispensers import PortTask
from gateway.prompt import ASK, Patience, Watch
from gateway.spool import TABLES, Spool
from protocol.framing import Frame, encode
from tests.gateway.test_port import CHAIN, EPOCH
from tests.gateway.test_port import _Deaf as Deaf
from tests.support.dispenser import ScriptedDispenser
from tests.support.gateway import until

AFTER = 0.4


class ReplDispenser(ScriptedDispenser):
    """A scripted dispenser that can stand at MicroPython's prompt, friendly or raw.

    The prompt's part follows readline and pyexec: printable bytes are echoed, Ctrl-U empties the
    line, Ctrl-B and Ctrl-D count on an empty line only.
    """

    at_prompt = True
    raw = False
    comes_back = True
    soft_resets = 0
    junk = b""

    def _readable(self) -> None:
        if not self.at_prompt:
            return super()._readable()
        assert self._fds is not None
        with contextlib.suppress(OSError):
            data = os.read(self._fds[0], 4096)
            for at, byte in enumerate(data):
                self._key(bytes([byte]))
                if not self.at_prompt:
                    assert data[at + 1 :] == b""
        return None

    def _key(self, key: bytes) -> None:
        if key == b"\x02" and (self.raw or not self.junk):
            self.raw, self.junk = False, b""
            self.write(b"\r\nMicroPython v1.26.0 on 2025-08-09; Raspberry Pi Pico\r\n>>> ")
        elif self.raw:
            self.junk += key
        elif key == b"\x04" and not self.junk:
            self._soft_reset()
        elif key == b"\x15":
            self.junk = b""
        elif 0x20 <= key[0] < 0x7F:
            self.junk += key
            self.write(key)

    def _soft_reset(self) -> None:
        self.soft_resets += 1
        self.at_prompt = not self.comes_back
        self.write(b"\r\nMPY: soft reboot\r\n")
        if self.at_prompt:
            self.write(b"Traceback (most recent call last):\r\nImportError\r\n>>> ")
        else:
            self.reboot()


class _Bench:
    def __init__(self, folder: Path) -> None:
        self.counters = Counters()
        self.dispenser = ReplDispenser(folder / "port", bytes([1] * 8), EPOCH, CHAIN[:20])
        self.spool = Spool(Database(folder / "spool.db", TABLES, self.counters))
        clock = Clock()
        self.task = PortTask(
            folder / "port", self.spool, Deaf(), self.counters, clock, HostTime(clock), AFTER
        )
        self.running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self.running.append(asyncio.create_task(self.task.run()))


@contextlib.asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[_Bench]:
    made = _Bench(folder)
    made.dispenser.plug()
    try:
        yield made
        assert not any(task.done() for task in made.running)
    finally:
        for task in made.running:
            task.cancel()
        if made.running:
            await asyncio.wait(made.running)
        await made.spool.close(2.0)
        made.dispenser.unplug()


def test_an_echoing_prompt_is_noticed_at_once_and_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as b:
            b.start()
            await until(lambda: b.task.at_prompt)
            assert b.dispenser.junk.count(b"~") == 2, "more than one frame in the prompt"
            await until(lambda: b.task.session.read_to == 20)
            assert b.dispenser.soft_resets == 1
            assert not b.task.at_prompt
            assert (b.counters["prompts_found"], b.counters["prompts_ended"]) == (1, 1)

    asyncio.run(scenario())


def test_a_raw_prompt_that_stays_silent_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.session.ANSWER_WITHIN", 0.05)

    async def scenario() -> None:
        async with bench(tmp_path) as b:
            b.dispenser.raw = True
            b.start()
            await until(lambda: b.task.session.read_to == 20)
            assert b.dispenser.soft_resets == 1

    asyncio.run(scenario())


def test_a_prompt_that_somebody_holds_is_left_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as b:
            b.start()
            await until(lambda: b.task.at_prompt)
            typed = b.dispenser.junk
            # the port is closed now: a tech may take it as pyserial's exclusive does
            tech = os.open(b.dispenser.link, os.O_RDWR | os.O_NOCTTY)
            fcntl.flock(tech, fcntl.LOCK_EX | fcntl.LOCK_NB)
            end = asyncio.get_running_loop().time() + 4 * AFTER
            await until(lambda: asyncio.get_running_loop().time() > end)
            assert b.dispenser.junk == typed, "written to while a tech held it"
            assert b.dispenser.soft_resets == 0
            os.close(tech)
            await until(lambda: b.task.session.read_to == 20)

    asyncio.run(scenario())


def test_firmware_that_fails_is_started_ever_more_seldom(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as b:
            b.dispenser.comes_back = False
            b.start()
            times = []
            for count in (1, 2, 3):
                await until(lambda count=count: b.dispenser.soft_resets == count)
                times.append(asyncio.get_running_loop().time())
            first, second = times[1] - times[0], times[2] - times[1]
            # meant are 2 and 4 times; what is seen comes a little before or after
            assert first > 1.5 * AFTER
            assert second > 3 * AFTER

    asyncio.run(scenario())


def test_a_prompt_whose_dispenser_is_taken_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as b:
            b.start()
            await until(lambda: b.task.at_prompt)
            b.dispenser.unplug()
            await until(lambda: not b.task.at_prompt)
            b.dispenser.at_prompt = False
            b.dispenser.plug()
            await until(lambda: b.task.session.read_to == 20)
            assert b.counters["prompts_ended"] == 0

    asyncio.run(scenario())


def test_something_that_echoes_but_is_no_prompt_is_not_reset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.session.ANSWER_WITHIN", 0.05)

    async def scenario() -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        got = bytearray()

        def echo() -> None:
            data = os.read(master, 4096)
            got.extend(data)
            os.write(master, data)

        asyncio.get_running_loop().add_reader(master, echo)
        counters, clock = Counters(), Clock()
        spool = Spool(Database(tmp_path / "spool.db", TABLES, counters))
        path = Path(os.ttyname(slave))
        task = PortTask(path, spool, Deaf(), counters, clock, HostTime(clock), AFTER)
        running = asyncio.create_task(task.run())
        await until(lambda: got.count(ASK) == 1 and counters["port_opened"] >= 5)
        assert b"\x04" not in got and b"\x03" not in got
        assert got.count(ASK) == 1, "asked for a prompt more than once in ten minutes"
        assert counters["prompts_ended"] == 0
        running.cancel()
        await asyncio.wait({running})
        await spool.close(2.0)
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
        os.close(slave)

    asyncio.run(scenario())


def test_what_is_not_a_prompt() -> None:
    watch = Watch()
    sent = encode(Frame(1, b"\x01\x01", 7))
    watch.sent(sent)
    assert not watch.found(encode(Frame(1, bytes(60), 7, from_host=False, reply=True)))
    assert not watch.found(b">> ") and not watch.found(b"AT+CREG?\r\r\nOK\r\n")
    watch.sent(sent)
    printable = bytes(byte for byte in sent if 0x20 <= byte < 0x7F)
    assert not watch.found(printable[:4])
    assert watch.found(printable[4:]), "an echo in pieces"


def test_patience_is_in_seconds_and_bounded() -> None:
    patience = Patience(60)
    patience.free(100)
    assert patience.due == 160
    for _ in range(40):
        patience.tried()
    assert patience.due == 100 + 3600
    patience.works()
    assert patience.due == 160
    assert patience.may_ask(0) and not patience.may_ask(599) and patience.may_ask(600)
