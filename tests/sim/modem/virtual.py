"""An event loop whose time jumps to the next timer, and a modem on a wire without a terminal."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from gateway.serial_port import PortLostError
from sim.modem.modem import Modem

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("nothing will ever happen again")
        self.loop.now += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Seconds pass as fast as the work allows."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.now = 1000.0
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class Wire:
    """A modem and the host's end of its port: reads and writes like SerialPort."""

    def __init__(self, kind: str = "ec25", seed: int = 1) -> None:
        self.modem = Modem(self._receive, kind, seed, self._on_usb)
        self.generation = 0
        self._data = bytearray()
        self._came = asyncio.Event()

    def _receive(self, data: bytes) -> None:
        self._data += data
        self._came.set()

    def _on_usb(self, present: bool) -> None:
        self.generation += 1
        self._data.clear()
        self._came.set()

    def open(self) -> "Port":
        if not self.modem.present:
            raise FileNotFoundError("no port")
        return Port(self, self.generation)


class Port:
    """The port as it was opened: lost when the modem leaves the bus."""

    def __init__(self, wire: Wire, generation: int) -> None:
        self._wire = wire
        self._generation = generation

    def _check(self) -> None:
        if self._generation != self._wire.generation:
            raise PortLostError("gone")

    async def read(self, timeout: float) -> bytes:
        wire = self._wire
        self._check()
        if not wire._data:
            wire._came.clear()
            try:
                async with asyncio.timeout(timeout):
                    await wire._came.wait()
            except TimeoutError:
                return b""
        self._check()
        data = bytes(wire._data)
        wire._data.clear()
        return data

    async def write(self, data: bytes, timeout: float) -> None:
        self._check()
        self._wire.modem.feed(data)

    def close(self) -> None:
        pass
