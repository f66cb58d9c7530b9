"""Hands connections on to the broker, byte by byte; one that the broker refuses is refused too."""

import asyncio
import contextlib
import socket
from collections.abc import Coroutine
from typing import Any

_BLOCK = 65536


class Relay:
    """Listens at an address of this host, on the broker's own port; make it on the loop."""

    def __init__(self, host: str, broker: tuple[str, int]) -> None:
        self._host = host
        self._broker = broker
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; raises OSError."""
        self._server = await asyncio.start_server(self._serve, self._host, self._broker[1])

    async def stop(self) -> None:
        """Stop listening and end what stands."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # a task of its own: the server's must not be cancelled (Python 3.11 logs that as a fault)
        task = asyncio.create_task(self._hand_on(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task})

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self._broker)
        except OSError:
            writer.transport.abort()
            return
        try:
            _hurry(writer)
            _hurry(back)
            with contextlib.suppress(OSError):
                await _both(_pump(reader, back), _pump(there, writer))
        finally:
            for end in (writer, back):
                with contextlib.suppress(OSError):
                    end.close()


async def _both(up: Coroutine[Any, Any, None], down: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(one) for one in (up, down)]
    try:
        # either end says goodbye for both, as a TCP connection through a NAT ends
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_BLOCK):
        writer.write(data)
        await writer.drain()


def _hurry(writer: asyncio.StreamWriter) -> None:
    made = writer.get_extra_info("socket")
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
