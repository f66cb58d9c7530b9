"""Carries out a session on its port: bytes in, COMMIT, bytes out, and again when it vanishes."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from gateway.actions import Action, Commit, Greeted, Reopen, Send
from gateway.clock import Clock, HostTime
from gateway.counters import Counters
from gateway.database import SpoolError
from gateway.detours import Span
from gateway.serial_port import PortBusyError, PortLostError, SerialPort
from gateway.session import Session
from gateway.spool import Cursor, Spool
from protocol import framing, schema
from protocol.framing import Deframer

_log = logging.getLogger(__name__)
_WRITE_WITHIN = 2.0
_REOPEN_MIN = 0.05
_REOPEN_MAX = 2.0
_DAMAGED = ("fcs", "short", "long")
_GARBAGE_LOG_EVERY = 10.0


class Listener(Protocol):
    """Who wants to know what dispensers say."""

    def greeted(self, dispenser: str, hello: schema.Hello, body: bytes) -> None:
        """Take note of a session that began."""

    def committed(self, dispenser: str, epoch: int, added: Sequence[int], end: int) -> None:
        """Take note of records in the spool: seqs that are new, end of what was read."""


class PortTask:
    """One configured port, for as long as the daemon runs."""

    def __init__(
        self,
        path: Path,
        spool: Spool,
        listener: Listener,
        counters: Counters,
        clock: Clock,
        host_time: HostTime,
    ) -> None:
        self._path = path
        self._spool = spool
        self._listener = listener
        self._counters = counters
        self._now = clock.monotonic
        self._session = Session(f"port={path}", counters, host_time.now)
        self._port: SerialPort | None = None
        self._requests: deque[Callable[[], list[Action]]] = deque()
        self._trouble = ""
        self._garbage_logged = float("-inf")

    @property
    def dispenser(self) -> str:
        """Id of the dispenser that is or was on this port, "" before the first."""
        return self._session.dispenser

    def mark(self, mark: schema.Watermark) -> None:
        """Hand an accepted watermark on to the dispenser."""
        self._request(lambda: self._session.mark(mark))

    def want(self, epoch: int, spans: list[Span]) -> None:
        """Read these ranges again when the dispenser is there."""
        self._request(lambda: self._session.want(epoch, spans, self._now()))

    async def run(self) -> None:
        """Open, serve, close, and again; never ends by itself."""
        delay = _REOPEN_MIN
        while True:
            served = await self._serve_once()
            delay = _REOPEN_MIN if served else min(_REOPEN_MAX, delay * 2)
            await asyncio.sleep(delay)

    async def _serve_once(self) -> bool:
        port = self._open()
        if port is None:
            return False
        try:
            await self._serve(port)
        except PortLostError as error:
            self._lost("port_lost", str(error))
        finally:
            self._session.closed()
            self._port = None
            port.close()
        return True

    def _open(self) -> SerialPort | None:
        try:
            port = SerialPort(self._path)
        except PortBusyError as error:
            self._lost("port_busy", str(error))
        except OSError as error:
            self._lost("port_lost", f"cannot be opened: {error.strerror or error}")
        else:
            self._counters.add("port_opened")
            _log.log(logging.INFO if self._trouble else logging.DEBUG, "port=%s open", self._path)
            self._port = port
            return port
        return None

    def _lost(self, counter: str, text: str) -> None:
        self._counters.add(counter)
        if text != self._trouble:
            _log.warning("port=%s %s", self._path, text)
        self._trouble = text

    async def _serve(self, port: SerialPort) -> None:
        deframer = Deframer()
        await self._carry_out(port, self._session.opened(self._now()))
        while True:
            data = await port.read(self._session.deadline - self._now())
            actions: list[Action] = []
            while self._requests:
                actions += self._requests.popleft()()
            if data:
                actions += self._take(deframer, data)
            actions += self._session.tick(self._now())
            await self._carry_out(port, actions)

    def _take(self, deframer: Deframer, data: bytes) -> list[Action]:
        damaged = sum(deframer.counts[kind] for kind in _DAMAGED)
        frames = deframer.feed(data)
        damaged = sum(deframer.counts[kind] for kind in _DAMAGED) - damaged
        if damaged:
            self._garbage(damaged)
        if frames:
            self._trouble = ""
        now = self._now()
        return [action for frame in frames for action in self._session.received(frame, now)]

    def _garbage(self, damaged: int) -> None:
        self._counters.add("line_garbage", damaged)
        if self._now() - self._garbage_logged >= _GARBAGE_LOG_EVERY:
            self._garbage_logged = self._now()
            _log.warning("port=%s %d damaged frames passed over", self._path, damaged)

    async def _carry_out(self, port: SerialPort, actions: list[Action]) -> None:
        todo = deque(actions)
        while todo:
            action = todo.popleft()
            if isinstance(action, Send):
                await port.write(framing.encode(action.frame), _WRITE_WITHIN)
            elif isinstance(action, Reopen):
                raise PortLostError(action.reason)
            elif isinstance(action, Greeted):
                todo.extendleft(reversed(await self._greet(action)))
            else:
                burst = [action, *_like(action, todo)]
                todo.extendleft(reversed(await self._commit(burst)))

    async def _greet(self, greeted: Greeted) -> list[Action]:
        hello = greeted.hello
        cursor: Cursor | None
        try:
            cursor = await self._spool.greet(greeted.dispenser, hello.epoch, greeted.body)
        except SpoolError:
            return self._session.failed(self._now())
        actions = self._session.resumed(cursor, self._now())
        self._listener.greeted(greeted.dispenser, hello, greeted.body)
        return actions

    async def _commit(self, burst: list[Commit]) -> list[Action]:
        last = burst[-1]
        links = [link for commit in burst for link in commit.links]
        try:
            added = await self._spool.append(last.dispenser, last.epoch, links, last.following)
        except SpoolError:
            return self._session.failed(self._now())
        self._counters.add("records_spooled", len(added))
        self._listener.committed(last.dispenser, last.epoch, added, links[-1].seq + 1)
        return self._session.committed(last, self._now())

    def _request(self, request: Callable[[], list[Action]]) -> None:
        self._requests.append(request)
        if self._port is not None:
            self._port.wake()


def _like(first: Commit, todo: deque[Action]) -> Iterator[Commit]:
    # a READ is a detour or it is not: one ref, one kind
    while todo:
        following = todo[0]
        if not isinstance(following, Commit) or following.ref != first.ref:
            return
        todo.popleft()
        yield following
