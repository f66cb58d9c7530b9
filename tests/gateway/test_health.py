"""systemd is fed while every loop gets round, and not when one stands still."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway import config, credentials, logs
from gateway.clock import Clock
from gateway.daemon import Gateway
from gateway.findings import Finding, Memory
from gateway.notify import Notifier
from sim.certificates import Pki
from tests.support.gateway import rig, until


class Systemd:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, address: Path | str, watchdog: float | None = None) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(address).replace("@", "\0", 1))
        self.socket.setblocking(False)
        self.lines: list[str] = []
        self.environ = {"NOTIFY_SOCKET": str(address)}
        if watchdog is not None:
            self.environ["WATCHDOG_USEC"] = str(int(watchdog * 1e6))

    def heard(self, line: str) -> bool:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.lines.append(self.socket.recv(4096).decode())
        return line in self.lines

    def forget(self) -> None:
        self.heard("")
        self.lines.clear()


def test_notifier_says_what_systemd_reads(tmp_path: Path) -> None:
    for address in (tmp_path / "notify", f"@dosewire-test-{os.getpid()}"):
        systemd = Systemd(address, watchdog=30)
        notifier = Notifier(systemd.environ)
        assert notifier.watchdog == 30
        notifier.ready()
        notifier.status("two\nlines")
        notifier.status("two\nlines")
        notifier.alive()
        notifier.stopping()
        assert systemd.heard("READY=1")
        assert systemd.lines == ["READY=1", "STATUS=two lines", "WATCHDOG=1", "STOPPING=1"]
        systemd.socket.close()
        notifier.ready()  # nobody listens any more: no reason to fail


def test_no_watchdog_unless_it_is_ours() -> None:
    for environ in (
        {},
        {"WATCHDOG_USEC": "x"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": str(os.getpid() + 1)},
    ):
        assert Notifier(environ).watchdog is None
    ours = {"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": str(os.getpid())}
    assert Notifier(ours).watchdog == 5


def test_the_process_from_ready_to_stopping(
    tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd = Systemd(tmp_path / "notify", watchdog=0.4)
    for name, value in systemd.environ.items():
        monkeypatch.setenv(name, value)

    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            r.dispenser(1, 5, [])
            await r.run_gateway()
            await until(lambda: systemd.heard("READY=1"))
            assert not systemd.lines[0].startswith("STOPPING")
            await until(lambda: systemd.heard("WATCHDOG=1"))
            systemd.forget()
            await until(lambda: systemd.heard("WATCHDOG=1"))
            await r.end_gateway(signal.SIGTERM)
            assert systemd.heard("STOPPING=1")

    asyncio.run(scenario())


@contextlib.asynccontextmanager
async def running(folder: Path, pki: Pki, systemd: Systemd) -> AsyncIterator[tuple[Gateway, Any]]:
    """A whole gateway in this process whose clock can be put forward."""
    shift = [0.0]
    async with rig(folder, pki) as r:
        r.dispenser(1, 5, [])
        settings = config.load(r.config())
        config.prepare_data(Path("x"), settings)
        clock = Clock(monotonic=lambda: time.monotonic() + shift[0])
        gateway = Gateway(
            settings, credentials.tls_context(settings), clock, Notifier(systemd.environ)
        )
        stop = asyncio.Event()
        task = asyncio.create_task(gateway.run(stop))
        try:
            await until(lambda: systemd.heard("READY=1"))
            yield gateway, shift
            assert not task.done()
        finally:
            stop.set()
            await task


async def _stuck(self: Any, *_: object) -> None:
    await asyncio.Event().wait()


def _standing_still(gateway: Gateway) -> str:
    (daemon,) = [f for f in gateway._health.state()["findings"] if f["part"] == "daemon"]
    return str(daemon["text"])


STUCK = {
    "publisher": "gateway.publisher.Publisher.run",
    "commands": "gateway.commands.Commands.run",
    "uplink": "gateway.uplink.Uplink.run",
    "hotplug": "gateway.hotplug.Hotplug._look",
    "port": "gateway.dispensers.PortTask.run",
    "spool": "gateway.database.Database._transact",
}


@pytest.mark.parametrize("name", ["", *STUCK])
def test_one_loop_that_stands_still_starves_the_watchdog(
    tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("gateway.uplink._BEAT_EVERY", 0.1)
    monkeypatch.setattr("gateway.uplink._CONNACK_WITHIN", 0.5)
    monkeypatch.setattr("gateway.session.PING_EVERY", 0.2)
    monkeypatch.setattr("gateway.daemon._PULSE_EVERY", 0.1)
    monkeypatch.setattr("gateway.publisher._LONGEST_IDLE", 0.1)
    monkeypatch.setattr("gateway.commands._LOOK_EVERY", 0.1)
    systemd, release = Systemd(tmp_path / "notify", watchdog=0.2), threading.Event()

    def hang(*_: object) -> list[object]:
        release.wait(30)
        return []

    async def scenario() -> None:
        async with running(tmp_path, pki, systemd) as (gateway, shift):
            systemd.forget()
            await until(lambda: systemd.heard("WATCHDOG=1"))
            shift[0] += 91
            if not name:
                await until(lambda: _standing_still(gateway) == "every loop gets round")
                systemd.forget()
                await until(lambda: systemd.heard("WATCHDOG=1"))
                return
            # once all others have beaten anew, the stuck one is what remains
            await until(lambda: _only(_standing_still(gateway), name))
            systemd.forget()
            now = time.monotonic()
            await until(lambda: time.monotonic() > now + 0.5)
            assert not systemd.heard("WATCHDOG=1")
            release.set()

    if name:
        monkeypatch.setattr(STUCK[name], hang if name == "spool" else _stuck)
    try:
        asyncio.run(scenario())
    finally:
        release.set()


def _only(text: str, name: str) -> bool:
    # who waits for a stuck spool stands still as well
    late = {
        word.split()[0].rstrip(",") for word in text.removeprefix("stands still: ").split(", ")
    }
    waiting = {"publisher", "commands", "port"} if name == "spool" else set()
    return late <= {name, *waiting} and name in late


def test_since_when_survives_looking_often() -> None:
    now = [100.0]
    memory = Memory(lambda: now[0])
    good, bad = Finding("uplink", True, "up"), Finding("uplink", False, "down")
    for at, finding, seconds in (
        (100, good, 0),
        (160, good._replace(detail="other"), 60),
        (170, bad, 0),
        (175, bad, 5),
        (180, good, 0),
    ):
        now[0] = at
        (held,) = memory.note([finding])
        assert held.seconds == seconds


@pytest.mark.parametrize(("journal", "head"), [(True, "<3>first\n<3>second"), (False, None)])
def test_lines_for_journald_carry_their_priority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: bool, head: str | None
) -> None:
    file = (tmp_path / "stderr").open("w+")
    monkeypatch.setattr(sys, "stderr", file)
    found = os.fstat(file.fileno())
    stream = f"{found.st_dev}:{found.st_ino}" if journal else "1:2"
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    logs.to_stderr("info", {"JOURNAL_STREAM": stream})
    logging.getLogger("gateway").error("first\nsecond")
    file.seek(0)
    text = file.read()
    file.close()
    assert text.strip() == head if head else "ERROR first" in text
