"""The modem's port on the event loop: one owner, one command at a time, time-outs, in step again.

The port is anything that reads and writes like gateway.serial_port.SerialPort.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.modem.at import Engine, Event, Prompt, Reply, State, Urc

DEFAULT_TIMEOUT = 3.0
TIMEOUTS = (
    ("+COPS=?", 180.0),
    ("+COPS=", 180.0),
    ("+CFUN=", 15.0),
    ("+CGACT=", 150.0),
    ("+QIACT=", 150.0),
    ("+CGATT=", 140.0),
    ("+CPIN", 10.0),
)
"""Seconds a modem may take, by how the command begins; vendors' manuals give these maxima."""

_QUIET = 0.3
_ROUND = 2.0
_ROUND_MAX = 30.0
_ROUNDS = 4
_WRITE_WITHIN = 5.0


class Stream(Protocol):
    """What SerialPort does."""

    async def read(self, timeout: float) -> bytes:
        """Return what has come, b"" after `timeout` seconds."""

    async def write(self, data: bytes, timeout: float) -> None:
        """Write all within `timeout` seconds."""


class DeafError(OSError):
    """The modem does not answer, or not in step, however often it is asked."""


def timeout_of(command: str) -> float:
    """Return how many seconds a command may take."""
    body = command[2:].upper()
    return next((limit for begin, limit in TIMEOUTS if body.startswith(begin)), DEFAULT_TIMEOUT)


class AtPort:
    """Commands and their replies over a port; unsolicited lines go to `on_urc`.

    now: seconds, of the clock that the stream's time-outs run by.
    """

    def __init__(
        self,
        stream: Stream,
        on_urc: Callable[[str], None],
        now: Callable[[], float],
        quiet: float = _QUIET,
        round_first: float = _ROUND,
    ) -> None:
        self.engine = Engine()
        self.timeouts = 0
        self._stream = stream
        self._on_urc = on_urc
        self._now = now
        self._quiet = quiet
        self._round_first = round_first
        self._lock = asyncio.Lock()

    async def command(
        self, text: str, timeout: float | None = None, data: bytes | None = None
    ) -> Reply:
        """Send a command and return its reply; `final` is None after a time-out.

        data: what to give at the prompt. Raises DeafError, PortLostError, ValueError.
        """
        limit = timeout_of(text) if timeout is None else timeout
        async with self._lock:
            if self.engine.state is not State.IDLE:
                await self._synchronise()
            return await self._exchange(text, limit, data)

    async def listen(self, timeout: float) -> None:
        """Read for `timeout` seconds without asking anything; raises PortLostError."""
        async with self._lock:
            self._deliver(await self._read(timeout))

    async def _exchange(self, text: str, limit: float, data: bytes | None) -> Reply:
        end = self._now() + limit
        request = self.engine.send(text, data)
        try:
            await self._stream.write(request, _WRITE_WITHIN)
            while (left := end - self._now()) > 0:
                reply = await self._step(left)
                if reply is not None:
                    return reply
            self.timeouts += 1
            reply = self.engine.expire()
            return Reply(text, None) if reply is None else reply
        finally:
            # also when cancelled: what was asked may still be answered
            if self.engine.state is State.BUSY:
                self.engine.expire()

    async def _step(self, left: float) -> Reply | None:
        found: Reply | None = None
        for event in await self._read(left):
            if isinstance(event, Reply):
                found = event
            elif isinstance(event, Prompt):
                await self._stream.write(self.engine.prompt_data(), _WRITE_WITHIN)
            else:
                self._deliver([event])
        return found

    async def _synchronise(self) -> None:
        patience = self._round_first
        for _ in range(_ROUNDS):
            await self._stream.write(self.engine.resync(), _WRITE_WITHIN)
            await self._quiet_down(patience)
            if self.engine.settle():
                return
            patience = min(_ROUND_MAX, patience * 2)
        raise DeafError("does not answer, or not in step")

    async def _quiet_down(self, patience: float) -> None:
        end = self._now() + patience
        while (left := end - self._now()) > 0:
            answered = self.engine.answered
            events = await self._read(min(left, self._quiet) if answered else left)
            self._deliver(events)
            if answered and not events and self.engine.answered and not self.engine.pending:
                return

    async def _read(self, timeout: float) -> list[Event]:
        return self.engine.feed(await self._stream.read(max(0.0, timeout)))

    def _deliver(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Urc):
                self._on_urc(event.line)
