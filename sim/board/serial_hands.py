"""Who touches a real board: a second Pico wired to its inputs, or a person who is asked to."""

import asyncio
import contextlib
import sys
import time
from pathlib import Path
from typing import ClassVar, Protocol

from gateway.serial_port import PortBusyError, PortLostError, SerialPort

_ANSWERS_WITHIN_S = 1.0
_TRIES = 3
_WORDS = {
    "lid": ("open the lid", "close the lid"),
    "beam": ("put a hand into compartment {}", "take the hand out of compartment {}"),
    "button": ("press button {} and keep it pressed", "let button {} go"),
    "service": ("press the service button and keep it pressed", "let the service button go"),
}


class HandsError(RuntimeError):
    """What should touch the board does not; one line."""


class Touch(Protocol):
    """Moves the inputs of one board."""

    async def move(self, name: str, active: bool) -> int:
        """Make an input active or not; returns when that was (Unix ns). Raises HandsError."""

    async def let_go(self) -> None:
        """Make all inputs inactive. Raises HandsError."""

    async def close(self) -> None:
        """Be done."""


class Fixture:
    """A board with `firmware/fixture` on a port: a line a command, a line an answer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._port: SerialPort | None = None

    async def move(self, name: str, active: bool) -> int:
        """As said; the time is the middle of command and answer."""
        return await self._say(f"{name} {int(active)}")

    async def let_go(self) -> None:
        """As said."""
        await self._say("all 0")

    async def close(self) -> None:
        """Let all go, if it still answers, and close the port."""
        if self._port:
            with contextlib.suppress(HandsError):
                await self.let_go()
        self._drop()

    async def _say(self, command: str) -> int:
        trouble = "no answer"
        for _ in range(_TRIES):
            try:
                return await self._try(command)
            except (TimeoutError, PortLostError, PortBusyError, OSError) as error:
                trouble = str(error) or trouble
                self._drop()
        told = "is it wired, and firmware/fixture on it? see docs/hardware.md"
        raise HandsError(f"fixture {self._path}: {command!r}: {trouble}; {told}")

    async def _try(self, command: str) -> int:
        port = self._port = self._port or SerialPort(self._path)
        began = time.time_ns()
        await port.write(f"{command}\n".encode(), _ANSWERS_WITHIN_S)
        said = b""
        async with asyncio.timeout(_ANSWERS_WITHIN_S):
            while True:
                *lines, said = (said + await port.read(_ANSWERS_WITHIN_S)).split(b"\n")
                for line in (one.strip().decode(errors="replace") for one in lines):
                    if line == f"ok {command}":
                        return (began + time.time_ns()) // 2
                    if line.startswith("error"):
                        raise HandsError(f"fixture {self._path}: {command!r}: {line}")

    def _drop(self) -> None:
        port, self._port = self._port, None
        if port:
            port.close()


class Person:
    """Somebody at the bench, who reads what to do and presses Enter when it is done."""

    LATE_MS: ClassVar[int] = 5000
    """Enter comes so long after the deed at most."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def move(self, name: str, active: bool) -> int:
        """Ask for it; the time is when Enter was pressed."""
        kind = name.rstrip("0123456789")
        await self.do(_WORDS[kind][not active].format(name.removeprefix(kind)))
        return time.time_ns()

    async def let_go(self) -> None:
        """Ask for it."""
        await self.do("close the lid, take everything out of the beams, touch no button")

    async def close(self) -> None:
        """Nothing to do."""

    async def do(self, what: str) -> None:
        """Ask for something and wait until Enter says it is done. Raises HandsError at its end."""
        print(f"{self._name}: {what}; then press Enter at once ", end="", flush=True)
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        try:
            loop.add_reader(sys.stdin, _finish, ready)
        except OSError:  # a file, which is always ready
            _finish(ready)
        try:
            await ready
        finally:
            loop.remove_reader(sys.stdin)
        if not sys.stdin.readline():
            raise HandsError(f"{self._name}: nobody is there to {what}: the input has ended")


def _finish(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
