"""Dispensers on USB: found, renumbered, unplugged; what is no dispenser is never opened."""

import asyncio
import contextlib
import os
import sqlite3
import tty
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.clock import Clock, HostTime
from gateway.counters import Counters
from gateway.database import Database
from gateway.dispensers import PortTask
from gateway.hotplug import Hotplug
from gateway.spool import TABLES, Spool
from gateway.usb import serial_ports
from tests.gateway.test_port import _Deaf as Deaf
from tests.support.chains import make_chain
from tests.support.dispenser import ScriptedDispenser
from tests.support.gateway import SECRET, until
from tests.support.usb import MODEM, FakeUsb

EPOCH = 77


class _Plugged:
    """A hotplug over a fake tree, with a real spool."""

    def __init__(self, folder: Path, fixed: list[Path]) -> None:
        self.folder = folder
        self.usb = FakeUsb(folder / "root")
        self.counters = Counters()
        self.spool = Spool(Database(folder / "spool.db", TABLES, self.counters))
        self.hotplug = Hotplug(
            fixed,
            frozenset({"2e8a:0005"}),
            self._make,
            lambda port: asyncio.create_task(port.run()),
            self.counters,
            self.usb.root,
        )
        self.dispensers: list[ScriptedDispenser] = []

    def _make(self, path: Path) -> PortTask:
        clock = Clock()
        return PortTask(path, self.spool, Deaf(), self.counters, clock, HostTime(clock))

    def dispenser(self, number: int, count: int = 20) -> ScriptedDispenser:
        device = bytes([number] * 8)
        chain = make_chain(SECRET, device, EPOCH, count)
        made = ScriptedDispenser(self.folder / f"d{number}", device, EPOCH, chain)
        made.plug()
        self.dispensers.append(made)
        return made

    def has(self, dispenser: ScriptedDispenser) -> bool:
        sql = "SELECT raw FROM records WHERE dispenser=? ORDER BY seq"
        rows = []
        database = contextlib.closing(sqlite3.connect(self.folder / "spool.db"))
        with database as db, contextlib.suppress(sqlite3.OperationalError):
            rows = db.execute(sql, (dispenser.id,)).fetchall()
        return [row[0] for row in rows] == dispenser.records

    @property
    def served(self) -> list[Path]:
        return [port.path for port in self.hotplug.ports]


@contextlib.asynccontextmanager
async def plugged(folder: Path, fixed: list[Path] | None = None) -> AsyncIterator[_Plugged]:
    made = _Plugged(folder, fixed or [])
    running = asyncio.create_task(made.hotplug.run())
    try:
        yield made
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait({running})
        await made.hotplug.close()
        await made.spool.close(2.0)
        for dispenser in made.dispensers:
            dispenser.unplug()


def test_found_by_id_several_at_once_and_unplugged(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with plugged(tmp_path) as p:
            one, two = p.dispenser(1), p.dispenser(2)
            first = p.usb.plug("ttyACM0", one.link, serial="aa")
            second = p.usb.plug("ttyACM1", two.link, serial="bb")
            await until(lambda: p.has(one) and p.has(two))
            assert p.served == [first, second]
            assert "by-id" in str(first)
            p.usb.unplug("ttyACM0")
            one.unplug()
            await until(lambda: p.served == [second])

    asyncio.run(scenario())


def test_renumbered_it_is_read_on_under_the_same_name(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with plugged(tmp_path) as p:
            one = p.dispenser(1)
            path = p.usb.plug("ttyACM0", one.link)
            await until(lambda: p.has(one))
            p.usb.unplug("ttyACM0")
            one.unplug()
            one.plug()
            one.add(*make_chain(SECRET, one.device, EPOCH, 30)[20:])
            assert p.usb.plug("ttyACM3", one.link) == path
            await until(lambda: p.has(one))
            assert p.served == [path]
            assert one.reads[-1] == (EPOCH, 20), "not read on from the cursor"

    asyncio.run(scenario())


def test_a_modem_is_named_and_never_opened(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with plugged(tmp_path) as p:
            master, slave = os.openpty()
            tty.setraw(slave)
            before = os.ttyname(slave)
            os.close(slave)
            for number in range(4):
                p.usb.plug(f"ttyUSB{number}", Path(before), MODEM, serial=f"m{number}")
            one = p.dispenser(1)
            p.usb.plug("ttyACM0", one.link)
            await until(lambda: p.has(one))
            assert p.counters["strangers"] == 4
            assert [port.product for port in p.hotplug.strangers] == ["EC25-E"] * 4
            # a PTY's master reports a hang-up until somebody has its slave open
            with contextlib.suppress(OSError):
                assert os.read(master, 100) == b"", "somebody wrote to the modem"
            os.close(master)

    asyncio.run(scenario())


def test_a_fixed_port_is_not_served_twice(tmp_path: Path) -> None:
    async def scenario() -> None:
        fixed = tmp_path / "d1"
        async with plugged(tmp_path, [fixed]) as p:
            one, two = p.dispenser(1), p.dispenser(2)
            p.usb.plug("ttyACM0", one.link)
            second = p.usb.plug("ttyACM1", two.link, serial="bb")
            await until(lambda: p.has(one) and p.has(two))
            assert p.served == [fixed, second]
            assert len(one.reads) == 1

    asyncio.run(scenario())


def test_two_of_one_serial_number_are_both_found(tmp_path: Path) -> None:
    usb = FakeUsb(tmp_path)
    usb.plug("ttyACM0", tmp_path / "a", serial="same")
    usb.plug("ttyACM1", tmp_path / "b", serial="same", by_id=False)
    paths = [port.path for port in serial_ports(tmp_path)]
    assert len(set(paths)) == 2
    assert paths[1] == tmp_path / "dev/ttyACM1"


def test_what_a_device_says_of_itself_stays_one_line(tmp_path: Path) -> None:
    usb = FakeUsb(tmp_path)
    usb.plug("ttyACM0", tmp_path / "a", ("2e8a", "0005", "bad\n\x1b[2J" + "x" * 500))
    (port,) = serial_ports(tmp_path)
    assert str(port).isprintable()
    assert len(str(port)) < 200


def test_no_usb_at_all(tmp_path: Path) -> None:
    assert serial_ports(tmp_path) == []
