"""A tech's desk: emulated boards in a thread of their own, and releases to put on them."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from hardware import board
from protocol.bundle import Release
from protocol.schema import Hello
from sim.board.emulated import EmulatedBoard, OutputEvent
from sim.hello import ask
from tools import release
from tools.app import app
from tools.compile import FIRMWARE
from tools.flash import Reporter

T = TypeVar("T")
# RFC 8032, 7.1, test 1
KEY = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
)
IMAGES = ("flash.img", "eeprom.bin", "rtc.bin")


class Desk:
    """One board, on or off; methods wait until it is done."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.folder = folder
        self._loop = loop
        self.outputs: list[OutputEvent] = []
        self.board = self.call(self._made)

    def _made(self) -> EmulatedBoard:
        pico = board.load("pico")
        return EmulatedBoard(self.folder, pico, name="desk", on_output=self.outputs.append)

    @property
    def port(self) -> Path:
        return self.board.port

    def do(self, work: Coroutine[Any, Any, T], limit: float = 60) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(limit)

    def call(self, work: Callable[[], T]) -> T:
        async def wrapped() -> T:
            return work()

        return self.do(wrapped())

    def on(self) -> None:
        self.do(self.board.power_on())

    def up(self) -> None:
        """Wait until its port is there."""
        self.do(self.board.wait_for(lambda: self.board.relay.port.attached))

    def settled(self) -> None:
        """Wait until no reset is under way: what is done to a board then meets the next start."""
        self.do(self.board.wait_for(lambda: self.board.state in ("running", "off")))

    def off(self) -> None:
        self.settled()
        self.do(self.board.power_cut())

    def hello(self, within: float = 15) -> Hello:
        return asyncio.run(ask(self.port, within))

    def close(self) -> None:
        self.settled()
        self.do(self.board.close())


@contextmanager
def desks(*folders: Path) -> Iterator[list[Desk]]:
    """Boards of these folders, switched on."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    made: list[Desk] = []
    try:
        for folder in folders:
            made.append(Desk(folder, loop))
            made[-1].on()
        yield made
    finally:
        for desk in made:
            desk.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def copied(source: Path, target: Path) -> Path:
    """A folder with the same images."""
    target.mkdir(parents=True, exist_ok=True)
    for name in IMAGES:
        shutil.copy(source / name, target / name)
    return target


def sources(folder: Path, version: tuple[int, int, int]) -> Path:
    """The firmware's sources as another version, with other start files."""
    shutil.copytree(FIRMWARE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    init = folder / "dispenser" / "__init__.py"
    old = init.read_text()
    init.write_text(old.replace("VERSION = (0, 1, 0)", f"VERSION = {version}"))
    assert init.read_text() != old
    for name in ("boot.py", "main.py"):
        with (folder / name).open("a") as file:
            file.write(f"# {version}\n")
    return folder


def built(source: Path = FIRMWARE, boards: list[str] | None = None) -> Release:
    """A release, signed with KEY."""
    return release.build(source, boards or ["pico"], KEY)


def dosewire(*words, **environ):
    """The command in this process: returncode, stdout, stderr."""
    done = CliRunner().invoke(app, list(map(str, words)), env=environ)
    return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)


class Recorder(Reporter):
    """Notes steps and bytes; calls `at` with the number of calls of `advance` so far."""

    def __init__(self, at: Callable[[int], None] = lambda count: None) -> None:
        super().__init__()
        self.steps: list[str] = []
        self.calls = 0
        self.total = self.arrived = 0
        self._at = at

    def step(self, name: str) -> None:
        self.steps.append(name)

    def begin(self, total: int) -> None:
        self.total = total

    def advance(self, count: int) -> None:
        self.arrived += count
        self.calls += 1
        self._at(self.calls)
