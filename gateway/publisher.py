"""What is published when: the question first, urgent records, then the rest in order.

One task does everything in turn, so that a watermark and a fetch never cross: what happens
elsewhere (a commit, a PUBACK, a message) waits in the inbox. Only a commit while that task rests
is dealt with on the spot.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from gateway import config
from gateway.clock import Clock
from gateway.counters import Counters
from gateway.database import SpoolError
from gateway.device import Device
from gateway.gaps import doubt_of, type_of
from gateway.incidents import Incidents
from gateway.lanes import MAY_BE_URGENT, Lanes
from gateway.marking import Marking
from gateway.outbox import Link, Outbox
from gateway.pause import Pause
from gateway.roster import Roster
from gateway.schedule import Schedule
from gateway.spool import Link as Record
from gateway.spool import Spool, is_sound
from gateway.stream import Stream
from gateway.watermarks import parse
from protocol import schema
from protocol.schema import RecordType

_log = logging.getLogger(__name__)
_MAX_INBOX = 1000
_LONGEST_IDLE = 60.0
_ASK_AGAIN = 5.0
_SPOOL_REST = 1.0
_ASKED_IN_VAIN = 3
_FEW = 8


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
        publishing: config.Publishing | None = None,
        incidents: Incidents | None = None,
    ) -> None:
        publishing = publishing or config.Publishing()
        self._incidents = incidents or Incidents(clock.monotonic)
        self._gateway = gateway
        self._settings = settings
        self._spool = spool
        self._link = link
        self._counters = counters
        self._now = clock.monotonic
        self._looked = self._now()
        self._lanes = Lanes(publishing)
        self._schedule = Schedule(publishing.profile, publishing.coalesce)
        self._streams = Roster()
        self._inbox: deque[Callable[[], Awaitable[None]]] = deque()
        self._wake = asyncio.Event()
        pause = Pause(settings.retry_min, settings.probe_max)
        self._out = Outbox(gateway, link, counters, clock.monotonic, pause)
        self._marking = Marking(
            spool, link, self._out, self._lanes, counters, clock.monotonic, self._incidents
        )
        self._resting = False
        self.beat: Callable[[], None] = lambda: None

    @property
    def unanswered(self) -> bool:
        """Tell whether a backend that takes what is published answers no question."""
        return any(s.asked_at is not None and s.asked > _ASKED_IN_VAIN for s in self._streams)

    @property
    def paused(self) -> bool:
        """Tell whether the backend is away or the broker unwilling."""
        return self._out.pause.until is not None

    # ---- what happens elsewhere -------------------------------------------------------------

    def greeted(self, dispenser: str, hello: schema.Hello, body: bytes) -> None:
        """Ask for the watermark: a session began."""

        async def act() -> None:
            stream = self._streams.of(dispenser, hello.epoch)
            stream.hello, stream.question = hello, body
            self._schedule.active(self._now())
            # a plug that wobbles must not cost a question every time
            if self._out.flowing and self._now() - stream.questioned >= _ASK_AGAIN:
                self._out.ask(stream)

        self._post(act)

    def committed(self, dispenser: str, epoch: int, added: Sequence[Record], end: int) -> None:
        """Take note of records in the spool: those that are new, end of what was read.

        If they are few and nothing else is to be done, the urgent ones are published at once; of
        many the ACK goes first.
        """
        idle = self._resting and not self._inbox and not self._wake.is_set()
        if idle and len(added) <= _FEW:
            self._came(dispenser, epoch, added, end)
            while self._out.flowing and self._launch_any_urgent():
                pass
            return self._wake.set()
        return self._post(_later(lambda: self._came(dispenser, epoch, added, end)))

    def anew(self) -> None:
        """Ask what is stored: the spool began anew, and nobody knows what it held."""
        self._post(_later(self._ask_all))

    def connected(self) -> None:
        """Ask for every watermark: what was on its way may be lost."""

        async def act() -> None:
            self._out.online = True
            # a new connection asks all questions, which are probes enough
            self._out.pause.end()
            self._schedule.connected(self._now(), self._link.keepalive)
            if not self._schedule.stays:
                self._streams.hasten(self._now())
            self._ask_all()

        self._post(act)

    def disconnected(self) -> None:
        """Publish nothing until connected."""
        self._post(_later(self._out.forget))

    def under_way(self) -> None:
        """Note another use of the connection: a slow profile waits for it."""
        self._post(_later(lambda: self._schedule.active(self._now())))

    def puback(self, token: int, code: int) -> None:
        """Take the broker's answer; it frees nothing."""

        async def act() -> None:
            if self._out.acked(token, code):
                self._ask_all()

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
            stream = self._streams.find(dispenser, mark.epoch)
            if stream is None:
                self._counters.add("downlink_unknown")
                return _log.warning(
                    "watermark of unknown dispenser=%s epoch=%d", dispenser, mark.epoch
                )
            await self._marking.take(stream, mark)

        self._post(act)

    # ---- the one task -----------------------------------------------------------------------

    async def run(self, devices: Sequence[Device]) -> None:
        """Publish for ever; raises SpoolError never, it waits for the spool instead."""
        self._marking.devices = devices
        await self._again_until_done(lambda: self._streams.load(self._spool))
        while True:
            self.beat()
            while self._inbox:
                await self._again_until_done(self._inbox[0])
                self._inbox.popleft()
            self._looked = self._now()
            try:
                progress = self._ask_due() or await self._publish_next()
            except SpoolError:
                await asyncio.sleep(_SPOOL_REST)
                continue
            if not progress and not self._inbox:
                self._sleep_if_done()
                await self._idle()

    async def _again_until_done(self, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await act()
            except SpoolError:
                self.beat()
                await asyncio.sleep(_SPOOL_REST)
            else:
                return

    async def _idle(self) -> None:
        self._wake.clear()
        timer = asyncio.get_running_loop().call_later(self._idle_for(), self._wake.set)
        self._resting = True
        try:
            await self._wake.wait()
        finally:
            self._resting = False
            timer.cancel()

    def _post(self, act: Callable[[], Awaitable[None]]) -> None:
        self._inbox.append(act)
        self._wake.set()

    # ---- when -------------------------------------------------------------------------------

    def _ask_all(self) -> None:
        for stream in self._streams:
            stream.asked = 0
            self._out.ask(stream)

    def _ask_due(self) -> bool:
        if not self._out.flowing:
            return False
        for stream in self._streams:
            if self._question_due(stream) <= self._now():
                return self._out.ask(stream) is not None
        return False

    def _question_due(self, stream: Stream) -> float:
        confirm = self._schedule.confirm_within(self._settings.confirm_timeout)
        interval = self._settings.watermark_interval if self._schedule.stays else 0.0
        return stream.question_due(self._settings.retry_min, confirm, interval)

    def _idle_for(self) -> float:
        now, pause = self._now(), self._out.pause
        due = _LONGEST_IDLE + now
        if self._out.flowing:
            due = min([due, *map(self._question_due, self._streams)])
            # what was due at the last look waits for something else: room, or an answer
            due = min([due, *(s.due for s in self._streams if s.opened and s.due > self._looked)])
        elif self._out.online and pause.until is not None and pause.probe is None:
            due = pause.until
        if self._out.online:
            due = min(due, self._schedule.next_look(now))
        return min(_LONGEST_IDLE, max(0.0, due - now))

    def _hurry(self) -> None:
        self._link.wake()
        if self._out.pause.probe is None and self._schedule.may_hurry(self._now()):
            self._out.pause.hurry(self._now())

    def _sleep_if_done(self) -> None:
        if not self._out.online:
            return
        now = self._now()
        done = not self._out.waits and not any(
            stream.has_work(now) or stream.flights or self._is_asked(stream)
            for stream in self._streams
        )
        seconds = self._schedule.sleep_for(now, done or self.paused)
        if seconds is not None:
            self._out.forget()
            self._link.sleep(seconds)

    def _is_asked(self, stream: Stream) -> bool:
        return stream.question is not None and (not stream.opened or stream.asked_at is not None)

    # ---- records ----------------------------------------------------------------------------

    def _came(self, dispenser: str, epoch: int, added: Sequence[Record], end: int) -> None:
        stream = self._streams.of(dispenser, epoch)
        self._schedule.active(self._now())
        # of many records few are of a kind to look at
        kinds = {type_of(record.raw) for record in added}
        urgent = []
        if not kinds.isdisjoint(MAY_BE_URGENT):
            urgent = [record for record in added if self._lanes.urgent(record.raw)]
        new = sum(record.seq >= stream.end for record in added)
        # what was read ahead of the cursor is held already when the cursor passes it
        held = end - stream.end > new
        at = self._now() + self._schedule.gather
        due = at if held else self._lanes.due(kinds, at)
        self._incidents.read(dispenser, epoch, added)
        if RecordType.gap in kinds:
            self._incidents.lost(dispenser, epoch, added)
            passed = stream.last.next if stream.last else 0
            spans = (doubt_of(record.raw, passed) for record in added)
            for span in filter(None, spans):
                stream.doubt(span)
        stream.added([record.seq for record in added], end, due, urgent)
        if urgent:
            self._hurry()

    async def _publish_next(self) -> bool:
        if not self._out.online:
            return False
        if self.paused:
            return self._out.pause.may_probe(self._now()) and await self._try_probe()
        if self._launch_any_urgent():
            return True
        if not self._out.room(urgent=False):
            return False
        for stream in list(self._streams):
            if await self._prepare(stream) and self._launch_next(stream):
                self._streams.had_its_turn(stream)
                return True
        return False

    async def _prepare(self, stream: Stream) -> bool:
        while not stream.ready:
            start = stream.start(self._now())
            if start is None:
                return False
            links = await self._spool.fetch(stream.dispenser, stream.epoch, start)
            spoilt = [link for link in links if not is_sound(link)]
            if spoilt:
                await self._mend(stream, spoilt)
            else:
                self._incidents.fetched(stream.dispenser, stream.epoch, links)
                stream.fetched(start, links)
        return True

    async def _mend(self, stream: Stream, spoilt: list[Record]) -> None:
        moved = await self._spool.mend(stream.dispenser, stream.epoch, spoilt)
        self._counters.add("records_mended", len(spoilt))
        _log.error("%s seq=%d spoilt in the spool, read again", stream, spoilt[0].seq)
        stream.added(moved, 0, self._now(), ())
        self._marking.want(stream, [(link.seq, link.seq) for link in spoilt])

    def _launch_any_urgent(self) -> bool:
        return any(self._launch_urgent(stream) for stream in self._streams)

    def _launch_urgent(self, stream: Stream) -> bool:
        body = stream.take_urgent() if self._out.room(urgent=True) else None
        if body is None:
            return False
        if not self._out.fits(stream, body, self._streams):
            stream.give_back(body)
            return False
        return self._out.launch(stream, body) is not None

    def _launch_next(self, stream: Stream) -> bool:
        stream.blocked = not self._out.fits(stream, stream.ready[0], self._streams)
        if stream.blocked:
            return False
        self._out.launch(stream, stream.ready.popleft())
        return True

    async def _try_probe(self) -> bool:
        pause = self._out.pause
        for stream in self._streams:
            body = stream.take_urgent()
            if body is None and await self._prepare(stream):
                body = stream.take_one()
            if body is not None:
                pause.probe = self._out.launch(stream, body)
                return True
        tokens = (self._out.ask(stream) for stream in self._streams)
        pause.probe = next((token for token in tokens if token is not None), None)
        if pause.probe is None:
            # nothing to ask with: the next thing to be published is the probe
            pause.until = None
        return pause.probe is not None


def _later(call: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        call()

    return act
