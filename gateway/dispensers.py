"""Carries out a session on its port: bytes in, COMMIT, bytes out, and again when it vanishes."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from gateway.actions import Action, Answered, Commit, Greeted, Reopen, Send
from gateway.clock import Clock, HostTime
from gateway.counters import Counters
from gateway.database import SpoolError
from gateway.gaps import Span
from gateway.incidents import Incidents
from gateway.orders import Order
from gateway.prompt import START, Patience, Watch, answers
from gateway.serial_port import PortBusyError, PortLostError, SerialPort
from gateway.session import Session
from gateway.spool import Cursor, Link, Spool
from gateway.state import State
from gateway.transfer import Transfer
from protocol import framing, schema
from protocol.framing import Deframer

_log = logging.getLogger(__name__)
_WRITE_WITHIN = 2.0
_REOPEN_MIN = 0.05
_REOPEN_MAX = 2.0
_GARBAGE_LOG_EVERY = 10.0
_SILENCES = 2
_LOOK_EVERY = 10.0
_FOLLOW_EVERY = 2.0
_BABBLE = 4096
"""Bytes without a frame among them: more than a frame takes, however it was cut."""
STRANGER = "what is there speaks, but is no dispenser"


class _SilentError(PortLostError):
    """Nobody answers: the path may lead elsewhere by now, or to a prompt."""


class _PromptError(PortLostError):
    """The dispenser is at its prompt: nothing but a tech has any business there."""


class Listener(Protocol):
    """Who wants to know what dispensers say."""

    def greeted(self, dispenser: str, hello: schema.Hello, body: bytes) -> None:
        """Take note of a session that began."""

    def committed(self, dispenser: str, epoch: int, added: Sequence[Link], end: int) -> None:
        """Take note of records in the spool: those that are new, end of what was read."""

    def answered(self, answer: Answered) -> None:
        """Take what a dispenser answered to a command."""


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
        prompt_after: float = 60.0,
        incidents: Incidents | None = None,
    ) -> None:
        self.path = path
        self.beat: Callable[[], None] = lambda: None
        self.at_prompt = False
        self._spool = spool
        self._listener = listener
        self._counters = counters
        self._now = clock.monotonic
        incidents = incidents or Incidents(clock.monotonic)
        self._session = Session(f"port={path}", counters, host_time.now, incidents)
        self._port: SerialPort | None = None
        self._requests: deque[Callable[[], list[Action]]] = deque()
        self._trouble = ""
        self._garbage_logged = float("-inf")
        self._watch = Watch()
        self._patience = Patience(prompt_after)
        self._silences = 0
        self._babble = 0

    @property
    def dispenser(self) -> str:
        """Id of the dispenser that is or was on this port, "" before the first."""
        return self._session.dispenser

    @property
    def session(self) -> Session:
        """The conversation, for those who report on it."""
        return self._session

    @property
    def trouble(self) -> str:
        """What ails the port, "" when frames come."""
        return self._trouble

    def mark(self, mark: schema.Watermark) -> None:
        """Hand an accepted watermark on to the dispenser."""
        self._request(lambda: self._session.mark(mark))

    def want(self, epoch: int, spans: list[Span]) -> None:
        """Read these ranges again when the dispenser is there."""
        self._request(lambda: self._session.want(epoch, spans, self._now()))

    def order(self, orders: list[Order]) -> None:
        """Give commands to the dispenser, in this order, while it is in session."""
        self._request(lambda: self._session.order(orders, self._now()))

    def deliver(self, order: Order, transfer: Transfer) -> None:
        """Bring a release to the dispenser while it is in session."""
        self._request(lambda: self._session.deliver(order, transfer, self._now()))

    def anew(self) -> None:
        """Begin the conversation anew: the spool did, with another cursor or none."""
        self._request(lambda: self._session.failed(self._now()))

    async def run(self) -> None:
        """Open, serve, close, and again; never ends by itself."""
        delay = _REOPEN_MIN
        while True:
            self.beat()
            while self.at_prompt:
                await self._leave_alone()
            served = await self._serve_once()
            delay = _REOPEN_MIN if served else min(_REOPEN_MAX, delay * 2)
            await asyncio.sleep(delay)

    async def _serve_once(self) -> bool:
        port = self._open()
        if port is None:
            return False
        try:
            await self._ask_for_prompt(port)
            await self._serve(port)
        except _PromptError as error:
            self._found_prompt(str(error))
        except PortLostError as error:
            self._silences += isinstance(error, _SilentError)
            self._lost("port_lost", STRANGER if self._babble > _BABBLE else str(error))
        finally:
            self._session.closed()
            self._port = None
            port.close()
        return True

    def _open(self) -> SerialPort | None:
        try:
            port = SerialPort(self.path)
        except PortBusyError as error:
            self._lost("port_busy", str(error))
        except OSError as error:
            self._lost("port_lost", f"cannot be opened: {error.strerror or error}")
        else:
            self._counters.add("port_opened")
            _log.log(logging.INFO if self._trouble else logging.DEBUG, "port=%s open", self.path)
            self._port = port
            return port
        return None

    def _lost(self, counter: str, text: str) -> None:
        self._counters.add(counter)
        if text != self._trouble:
            _log.warning("port=%s %s", self.path, text)
        self._trouble = text

    async def _serve(self, port: SerialPort) -> None:
        deframer, looked = Deframer(), self._now()
        await self._carry_out(port, self._session.opened(looked))
        while True:
            self.beat()
            if self._now() - looked >= _FOLLOW_EVERY:
                looked = self._now()
                if not port.is_at(self.path):
                    raise PortLostError("the path leads to another port")
            data = await port.read(self._session.deadline - self._now())
            actions: list[Action] = []
            while self._requests:
                actions += self._requests.popleft()()
            if data:
                actions += self._take(deframer, data)
            actions += self._session.tick(self._now())
            if self._session.state is State.GREETING and self._watch.found(data):
                raise _PromptError("a prompt instead of the firmware")
            await self._carry_out(port, actions)

    def _take(self, deframer: Deframer, data: bytes) -> list[Action]:
        before = deframer.damaged
        frames = deframer.feed(data)
        if deframer.damaged > before:
            self._garbage(deframer.damaged - before)
        # an echo of ours is no answer
        answered = any(not frame.from_host for frame in frames)
        self._babble = 0 if answered else self._babble + len(data)
        if answered:
            self._trouble = ""
        now = self._now()
        return [action for frame in frames for action in self._session.received(frame, now)]

    def _garbage(self, damaged: int) -> None:
        self._counters.add("line_garbage", damaged)
        if self._now() - self._garbage_logged >= _GARBAGE_LOG_EVERY:
            self._garbage_logged = self._now()
            _log.warning("port=%s %d damaged frames passed over", self.path, damaged)

    async def _carry_out(self, port: SerialPort, actions: list[Action]) -> None:
        todo = deque(actions)
        while todo:
            action = todo.popleft()
            if isinstance(action, Send):
                data = framing.encode(action.frame)
                if self._session.state is State.GREETING:
                    self._watch.sent(data)
                await port.write(data, _WRITE_WITHIN)
            elif isinstance(action, Reopen):
                raise _SilentError(action.reason)
            elif isinstance(action, Answered):
                self._listener.answered(action)
            elif isinstance(action, Greeted):
                todo.extendleft(reversed(await self._greet(action)))
            else:
                burst = [action, *_like(action, todo)]
                todo.extendleft(reversed(await self._commit(burst)))

    async def _greet(self, greeted: Greeted) -> list[Action]:
        hello = greeted.hello
        self._silences = 0
        self._patience.works()
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
        fresh = links
        if len(added) < len(links):
            new = set(added)
            fresh = [link for link in links if link.seq in new]
        self._listener.committed(last.dispenser, last.epoch, fresh, last.following or 0)
        return self._session.committed(last, self._now())

    # ---- the prompt -------------------------------------------------------------------------

    async def _ask_for_prompt(self, port: SerialPort) -> None:
        # a raw prompt does not even echo
        due = self._silences >= _SILENCES and self._patience.may_ask(self._now())
        if due and await answers(port, self._now):
            raise _PromptError("a prompt instead of the firmware")

    def _found_prompt(self, text: str) -> None:
        self.at_prompt = True
        self._patience.free(self._now())
        self._lost("prompts_found", text)

    async def _leave_alone(self) -> None:
        self.beat()
        await asyncio.sleep(min(_LOOK_EVERY, max(0.05, self._patience.due - self._now())))
        try:
            port = SerialPort(self.path)
        except PortBusyError:
            # a tech is at work: the waiting begins anew
            self._patience.free(self._now())
        except OSError:
            self.at_prompt = False
        else:
            await self._start_if_due(port)

    async def _start_if_due(self, port: SerialPort) -> None:
        try:
            if self._now() >= self._patience.due:
                self.at_prompt = False
                self._patience.tried()
                if await answers(port, self._now):
                    await port.write(START, _WRITE_WITHIN)
                    self._counters.add("prompts_ended")
                    _log.warning("port=%s told to start its firmware", self.path)
        except PortLostError:
            self.at_prompt = False
        finally:
            port.close()

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
