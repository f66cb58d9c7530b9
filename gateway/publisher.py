"""What is published when: the question first, then records, never more than may be unconfirmed.

One task does everything in turn, so that a watermark and a fetch never cross: what happens
elsewhere (a commit, a PUBACK, a message) waits in the inbox.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from gateway import config
from gateway.clock import Clock
from gateway.counters import Counters
from gateway.database import SpoolError
from gateway.gaps import Span
from gateway.pause import Pause
from gateway.spool import Accepted, Spool
from gateway.stream import Body, Flight, Stream
from gateway.watermarks import Verdict, judge, parse
from protocol import schema, topics, wire

_log = logging.getLogger(__name__)
MAX_UNCONFIRMED = 64 * 1024
"""Bytes of EVENTS on their way, all dispensers together."""
_MAX_UNACKED = 16
_MAX_INBOX = 1000
_NO_SUBSCRIBER = 0x10
_FAILED = 0x80
_LONGEST_IDLE = 60.0
_ASK_AGAIN = 5.0
_SPOOL_REST = 1.0


class Link(Protocol):
    """What the publisher needs of the uplink."""

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> int | None:
        """Publish with QoS 1; returns the token of its PUBACK, None if not connected."""

    def progress(self) -> None:
        """Note that the backend stored something."""


class Device(Protocol):
    """What the publisher needs of a dispenser in session."""

    @property
    def dispenser(self) -> str:
        """Id of the dispenser."""

    def mark(self, mark: schema.Watermark) -> None:
        """Hand an accepted watermark on."""

    def want(self, epoch: int, spans: list[Span]) -> None:
        """Read these ranges again."""


class _Sent(NamedTuple):
    stream: Stream
    flight: Flight | None


class Publisher:
    """Moves records from the spool to the uplink and watermarks back."""

    def __init__(
        self,
        gateway: str,
        settings: config.Uplink,
        spool: Spool,
        link: Link,
        counters: Counters,
        clock: Clock,
    ) -> None:
        self._gateway = gateway
        self._settings = settings
        self._spool = spool
        self._link = link
        self._counters = counters
        self._now = clock.monotonic
        self._devices: Sequence[Device] = ()
        self._streams: dict[tuple[str, int], Stream] = {}
        self._turns: deque[Stream] = deque()
        self._inbox: deque[Callable[[], Awaitable[None]]] = deque()
        self._wake = asyncio.Event()
        self._online = False
        self._unacked: dict[int, _Sent] = {}
        self._pause = Pause(settings.retry_min, settings.retry_max)
        self.beat: Callable[[], None] = lambda: None

    @property
    def paused(self) -> bool:
        """Tell whether the backend is away or the broker unwilling."""
        return self._pause.until is not None

    # ---- what happens elsewhere -------------------------------------------------------------

    def greeted(self, dispenser: str, hello: schema.Hello, body: bytes) -> None:
        """Ask for the watermark: a session began."""

        async def act() -> None:
            stream = self._stream(dispenser, hello.epoch)
            stream.hello, stream.question = hello, body
            # a plug that wobbles must not cost a question every time
            if self._flowing and self._now() - stream.questioned >= _ASK_AGAIN:
                self._ask(stream)

        self._post(act)

    def committed(self, dispenser: str, epoch: int, added: Sequence[int], end: int) -> None:
        """Take note of records in the spool."""

        async def act() -> None:
            self._stream(dispenser, epoch).added(list(added), end)

        self._post(act)

    def connected(self) -> None:
        """Ask for every watermark: what was on its way may be lost."""

        async def act() -> None:
            self._online = True
            self._pause.connected()
            self._ask_all()

        self._post(act)

    def disconnected(self) -> None:
        """Publish nothing until connected."""

        async def act() -> None:
            self._online = False
            self._pause.probe = None
            self._unacked.clear()

        self._post(act)

    def puback(self, token: int, code: int) -> None:
        """Take the broker's answer; it frees nothing."""

        async def act() -> None:
            self._acked(token, code)

        self._post(act)

    def message(self, topic: str, payload: bytes) -> None:
        """Take a message from the broker."""
        try:
            dispenser, mark = parse(self._gateway, topic, payload)
        except ValueError as error:
            self._counters.add("downlink_malformed")
            return _log.warning("downlink: %s", error)
        if len(self._inbox) >= _MAX_INBOX:
            # QoS 0: it will be asked for again
            return self._counters.add("downlink_dropped")

        async def act() -> None:
            await self._mark(dispenser, mark)

        self._post(act)

    # ---- the one task -----------------------------------------------------------------------

    async def run(self, devices: Sequence[Device]) -> None:
        """Publish for ever; raises SpoolError never, it waits for the spool instead."""
        self._devices = devices
        await self._again_until_done(self._load)
        while True:
            self.beat()
            while self._inbox:
                await self._again_until_done(self._inbox[0])
                self._inbox.popleft()
            try:
                progress = self._ask_due() or await self._publish_next()
            except SpoolError:
                await asyncio.sleep(_SPOOL_REST)
                continue
            if not progress and not self._inbox:
                await self._sleep()

    async def _again_until_done(self, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            self.beat()
            try:
                await act()
            except SpoolError:
                await asyncio.sleep(_SPOOL_REST)
            else:
                return

    async def _sleep(self) -> None:
        self._wake.clear()
        timer = asyncio.get_running_loop().call_later(self._idle_for(), self._wake.set)
        await self._wake.wait()
        timer.cancel()

    def _post(self, act: Callable[[], Awaitable[None]]) -> None:
        self._inbox.append(act)
        self._wake.set()

    async def _load(self) -> None:
        for saved in await self._spool.saved():
            stream = self._stream(saved.dispenser, saved.epoch)
            stream.end = max(stream.end, saved.end)
            stream.last = stream.last or saved.watermark
            if saved.hello is not None and stream.question is None:
                with contextlib.suppress(wire.WireError):
                    stream.hello = wire.parse(schema.Hello, saved.hello)
                    stream.question = saved.hello

    def _stream(self, dispenser: str, epoch: int) -> Stream:
        stream = self._streams.get((dispenser, epoch))
        if stream is None:
            stream = self._streams[dispenser, epoch] = Stream(dispenser, epoch)
            self._turns.append(stream)
        return stream

    # ---- questions --------------------------------------------------------------------------

    @property
    def _flowing(self) -> bool:
        return self._online and self._pause.until is None

    def _ask_all(self) -> None:
        for stream in self._turns:
            stream.asked = 0
            self._ask(stream)

    def _ask(self, stream: Stream) -> int | None:
        if stream.question is None or not self._online:
            return None
        topic = topics.up(self._gateway, stream.dispenser, "hello")
        token = self._link.publish(topic, stream.question)
        if token is None:
            self._online = False
            return None
        stream.ask(self._now())
        self._counters.add("questions")
        self._unacked[token] = _Sent(stream, None)
        return token

    def _ask_due(self) -> bool:
        if not self._flowing:
            return False
        for stream in self._turns:
            if self._due(stream) <= self._now():
                return self._ask(stream) is not None
        return False

    def _due(self, stream: Stream) -> float:
        return stream.question_due(self._settings.retry_min, self._settings.confirm_timeout)

    def _idle_for(self) -> float:
        due = _LONGEST_IDLE + self._now()
        if self._flowing:
            due = min((self._due(stream) for stream in self._turns), default=due)
        elif self._online and self._pause.until is not None and self._pause.probe is None:
            due = self._pause.until
        return min(_LONGEST_IDLE, max(0.0, due - self._now()))

    # ---- records ----------------------------------------------------------------------------

    async def _publish_next(self) -> bool:
        if not self._online:
            return False
        if self._pause.until is not None:
            return self._pause.may_probe(self._now()) and await self._try_probe()
        if len(self._unacked) >= _MAX_UNACKED:
            return False
        for stream in list(self._turns):
            if await self._prepare(stream) and self._launch_next(stream):
                self._turns.remove(stream)
                self._turns.append(stream)
                return True
        return False

    async def _prepare(self, stream: Stream) -> bool:
        while not stream.ready:
            start = stream.start()
            if start is None:
                return False
            links = await self._spool.fetch(stream.dispenser, stream.epoch, start)
            stream.fetched(start, links)
        return True

    def _launch_next(self, stream: Stream) -> bool:
        size = sum(len(link.raw) for link in stream.ready[0].links)
        stream.blocked = not self._fits(stream, size)
        if stream.blocked:
            return False
        self._launch(stream, stream.ready.popleft())
        return True

    def _fits(self, stream: Stream, size: int) -> bool:
        total = sum(other.unconfirmed for other in self._turns)
        if total + size > MAX_UNCONFIRMED:
            return False
        # one whose records are not confirmed must not keep the others waiting
        alone = not any(other.has_work for other in self._turns if other is not stream)
        return alone or stream.unconfirmed + size <= MAX_UNCONFIRMED // 2

    def _launch(self, stream: Stream, body: Body) -> int | None:
        try:
            payload = body.payload()
        except (wire.WireError, TypeError) as error:
            self._counters.add("records_unusable", len(body.links))
            _log.error("%s seq=%d unusable in the spool: %s", stream, body.links[0].seq, error)
            return None
        topic = topics.up(self._gateway, stream.dispenser, "events")
        token = self._link.publish(topic, payload)
        if token is None:
            stream.ready.appendleft(body)
            self._online = False
            return None
        self._counters.add("published_again" if body.again else "published")
        flight = stream.launched(body, len(payload), self._now())
        self._unacked[token] = _Sent(stream, flight)
        return token

    # ---- backend away, broker unwilling -----------------------------------------------------

    def _acked(self, token: int, code: int) -> None:
        sent = self._unacked.pop(token, None)
        if sent is None:
            return
        refused = code == _NO_SUBSCRIBER or code >= _FAILED
        if token == self._pause.probe:
            self._pause.probe = None
            if not refused:
                _log.info("uplink: backend is there again")
                self._pause.end()
                self._ask_all()
        if not refused:
            self._counters.add("pubacks")
            return
        if sent.flight is not None:
            sent.stream.returned(sent.flight)
        else:
            sent.stream.forget_question()
        self._hold(code)

    def _hold(self, code: int) -> None:
        away = code == _NO_SUBSCRIBER
        self._counters.add("backend_away" if away else "broker_refused")
        if self._pause.refused(self._now()):
            why = "backend away: nobody subscribes" if away else f"broker refuses: 0x{code:02x}"
            _log.warning("uplink: %s; probing", why)

    async def _try_probe(self) -> bool:
        for stream in self._turns:
            if await self._prepare(stream):
                self._pause.probe = self._launch(stream, stream.take_one())
                return True
        tokens = (self._ask(stream) for stream in self._turns)
        self._pause.probe = next((token for token in tokens if token is not None), None)
        if self._pause.probe is None:
            # nothing to ask with: the next thing to be published is the probe
            self._pause.until = None
        return self._pause.probe is not None

    # ---- watermarks -------------------------------------------------------------------------

    async def _mark(self, dispenser: str, mark: schema.Watermark) -> None:
        stream = self._streams.get((dispenser, mark.epoch))
        if stream is None:
            self._counters.add("downlink_unknown")
            _log.warning("watermark of unknown dispenser=%s epoch=%d", dispenser, mark.epoch)
            return
        known = await self._spool.known(dispenser, mark.epoch, mark.next)
        verdict = judge(mark, stream.last, known, stream.hello)
        if verdict is not Verdict.accepted:
            self._counters.add(verdict.value)
            _log.warning("%s seq=%d watermark ignored: %s", stream, mark.next, verdict.name)
            return
        await self._accept(stream, mark)

    async def _accept(self, stream: Stream, mark: schema.Watermark) -> None:
        restored = stream.last is not None and stream.last.store != mark.store
        look = restored or not stream.opened or stream.asked_at is not None
        refused = stream.refusals(mark, self._now())
        done = await self._spool.accept(stream.dispenser, stream.epoch, mark, refused, look)
        self._counters.add(Verdict.accepted.value)
        if restored:
            self._counters.add("stores_changed")
            _log.warning("%s seq=%d is next in a new store", stream, mark.next)
        if stream.accept(mark, refused):
            self._link.progress()
        self._report(stream, refused, done)
        for device in self._devices:
            if device.dispenser == stream.dispenser:
                device.mark(mark)
                if done.holes:
                    device.want(stream.epoch, done.holes)

    def _report(self, stream: Stream, refused: list[int], done: Accepted) -> None:
        self._counters.add("records_pruned", done.pruned)
        self._counters.add("records_refused", done.refused)
        if done.refused:
            seqs = ",".join(map(str, refused))
            _log.warning("%s seq=%s refused by the backend, read again", stream, seqs)
        elif done.holes:
            text = ",".join(f"{first}..{last}" for first, last in done.holes[:8])
            _log.warning("%s seq=%s not in the spool, read again", stream, text)
