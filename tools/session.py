"""A tech's conversation with a running dispenser, over its port: asks, and reads the journal.

Nothing that is read here is acknowledged towards a clinic: the dispenser keeps no such state.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.serial_port import PortBusyError, SerialPort
from protocol import schema, wire
from protocol.framing import Deframer, Frame, encode
from protocol.schema import Hello, MessageType, Record
from tools.exits import ToolError
from tools.port import busy, check

_ANSWER = 1.0
"""Seconds until a question is asked again."""
_TRIES = 3
_STALL = 0.5
"""Seconds without EVENTS after which they are asked for again: USB may have dropped some."""


class SessionError(ToolError):
    """The dispenser does not answer, or the port is gone; one line."""


class Session:
    """One open port; use as an async context manager."""

    def __init__(self, port: Path) -> None:
        self._port = port
        self._deframer = Deframer()
        self._frames: list[Frame] = []
        self._ref = 0

    async def __aenter__(self) -> Self:
        """Open the port; raises PortError."""
        check(self._port)
        try:
            self._line = SerialPort(self._port)
        except PortBusyError as error:
            raise busy(self._port) from error
        except OSError as error:
            raise SessionError(f"{self._port}: {error.strerror}: plug it in again") from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the port."""
        self._line.close()

    async def hello(self) -> Hello:
        """Ask who it is; raises SessionError."""
        version = schema.PROTOCOL_VERSION
        request = wire.build(schema.HelloRequest(version, version))
        return wire.parse(Hello, await self.ask(MessageType.hello, request))

    async def ask(
        self, kind: MessageType, body: bytes = b"", answer: MessageType | None = None
    ) -> bytes:
        """Return the body of the answer, of the same type unless told; raises SessionError."""
        awaited = (answer or kind, MessageType.error)
        for _ in range(_TRIES):
            await self._send(kind, body)
            frame = await self._next(
                lambda frame: frame.type in awaited and frame.ref == self._ref, _ANSWER
            )
            if frame and frame.type == MessageType.error:
                raise SessionError(f"{self._port}: refuses {kind.name}: {_said(frame.body)}")
            if frame:
                return frame.body
        raise SessionError(
            f"{self._port}: no answer to {kind.name}: it is at its prompt or not a dispenser; "
            "plug it in again, then `dosewire probe`"
        )

    async def events(self, epoch: int, start: int) -> AsyncGenerator[schema.Events, None]:
        """Yield EVENTS from `start` on, in order, old and then new, for ever."""
        cursor = start
        await self._read(epoch, cursor)
        while True:
            frame = await self._next(lambda f: f.type == MessageType.events, _STALL)
            if frame is None:
                if (await self.hello()).next > cursor:
                    await self._read(epoch, cursor)
                continue
            found = wire.parse(schema.Events, frame.body)
            if frame.ref != self._reading:
                continue
            records = wire.events_records(found)
            yield found
            cursor = wire.seq_of(records[-1]) + 1
            await self._send(MessageType.ack, wire.build(schema.Ack(epoch, cursor)))

    async def _read(self, epoch: int, start: int) -> None:
        await self._send(
            MessageType.read, wire.build(schema.Read(epoch, start, schema.MAX_WINDOW))
        )
        self._reading = self._ref

    async def _send(self, kind: MessageType, body: bytes) -> None:
        self._ref = self._ref % 255 + 1
        try:
            await self._line.write(encode(Frame(kind, body, ref=self._ref)), _ANSWER)
        except OSError as error:
            raise self._lost(error) from error

    async def _next(self, fits: Callable[[Frame], bool], within: float) -> Frame | None:
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while True:
            while self._frames:
                frame = self._frames.pop(0)
                if frame.reply and fits(frame):
                    return frame
            if loop.time() >= end:
                return None
            try:
                data = await self._line.read(end - loop.time())
            except OSError as error:
                raise self._lost(error) from error
            self._frames += self._deframer.feed(data)

    def _lost(self, error: OSError) -> SessionError:
        return SessionError(f"{self._port}: {error}: check cable and power, then run this again")


def _said(body: bytes) -> str:
    try:
        error = wire.parse(schema.Error, body)
    except wire.WireError:
        return "an answer that nobody can read"
    return f"{error.code.name} {error.text.decode('ascii', 'replace')}".strip()


async def events_from(port: Path, epoch: int, start: int, within: float) -> AsyncIterator[Record]:
    """Yield the records from `start` on as they come, for so many seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    async with Session(port) as session:
        stream = session.events(epoch, start)
        try:
            while True:
                async with asyncio.timeout_at(end):
                    found = await anext(stream)
                for raw in wire.events_records(found):
                    yield wire.parse(Record, raw)
        except TimeoutError:
            return
        finally:
            await stream.aclose()
