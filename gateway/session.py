"""The conversation with one dispenser: a state machine without I/O.

Frames and time go in, actions come out. CLOSED -> GREETING (HELLO until answered) -> RESUMING (the
spool says where to go on) -> READING (EVENTS -> Commit -> ACK, HELLO as ping) -> RESTING after
trouble -> GREETING. The reader owns the offset: whatever is in doubt is read again.
"""

import logging
from collections.abc import Callable

from construct_typed import DataclassMixin

from gateway.actions import Action, Answered, Commit, Greeted, Reopen, Send
from gateway.counters import Counters
from gateway.delivering import Delivering
from gateway.gaps import Span
from gateway.greeting import can_be_read, ills_of, life_of, name_of
from gateway.incidents import Incidents
from gateway.orders import Order, Orders
from gateway.reading import Reading, links_of
from gateway.spool import Cursor, Link
from gateway.state import State
from gateway.transfer import Transfer
from protocol import schema, wire
from protocol.framing import Frame
from protocol.schema import ErrorCode, MessageType

_log = logging.getLogger(__name__)
ANSWER_WITHIN = 1.0
"""Seconds before HELLO is asked again; grows to GREET_SELDOM when nobody answers."""
GREET_SELDOM = 30.0
_GREET_OFTEN = 5
_REOPEN_AFTER = 3
PING_EVERY = 2.0
_PONG_WITHIN = 2.0
_STALL_CHECK = 0.3
_PINGS_LOST = 3
REST = 1.0
_REST_LONG = 10.0
_BAD_IN_A_ROW = 3
_TIME_EVERY = 3600.0
_TIME_AGAIN = 60.0
_MESSAGE_OF: dict[type[DataclassMixin], MessageType] = {
    cls: kind for kind, cls in schema.TO_DEVICE.items()
}


class Session:
    """One port's conversation; times are monotonic seconds."""

    def __init__(
        self,
        name: str,
        counters: Counters,
        time_now: Callable[[], schema.Time | None],
        incidents: Incidents,
    ) -> None:
        self.state = State.CLOSED
        self.deadline = 0.0
        self.hello: schema.Hello | None = None
        self._name = name
        self._counters = counters
        self._time_now = time_now
        self._incidents = incidents
        self._reading = Reading(self._count, self._missing)
        self._orders = Orders()
        self._delivering = Delivering()
        self._ref = 0
        self._hello_ref = self._read_ref = 0
        self._silent = self._bad = 0
        self._time_sent: float | None = None
        self._watermark: schema.Watermark | None = None
        self.ills = ""
        """Why the dispenser last greeted cannot do all its work, "" if it can."""
        self.away: Callable[[], int] = lambda: 0  # as `HelloRequest.away`

    @property
    def dispenser(self) -> str:
        """Id of the dispenser last greeted, "" before that."""
        return self.hello.device_id.hex() if self.hello else ""

    @property
    def read_to(self) -> int:
        """Seq that is read next."""
        return self._reading.next

    # ---- what happens -----------------------------------------------------------------------

    def opened(self, now: float) -> list[Action]:
        """Begin: the port was opened."""
        return [self._greet(now)]

    def closed(self) -> None:
        """End: the port is gone. What is in flight is read again."""
        self.state = State.CLOSED
        self._watermark = None
        self._orders.forget()
        self._delivering.forget()

    def received(self, frame: Frame, now: float) -> list[Action]:
        """Take a frame from the line."""
        if frame.from_host:
            return self._foreign()
        answered = self._orders.take(frame)
        if answered is not None:
            return [Answered(self.dispenser, *answered), *self._next_order(now)]
        if self._delivering.take(frame, now):
            return self._next_piece(now)
        if frame.type == MessageType.hello:
            return self._hello(frame, now)
        if frame.type == MessageType.events:
            return self._events(frame, now)
        if frame.type == MessageType.error:
            return self._error(frame, now)
        return self._foreign()

    def resumed(self, cursor: Cursor | None, now: float) -> list[Action]:
        """Go on reading from the cursor: what the spool lacks, from the journal's first."""
        hello = self._greeted_hello()
        self._reading.resume(cursor, hello, now)
        self.state = State.READING
        start = self._reading.next
        _log.info("%s first=%d next=%d read from seq=%d", self, hello.first, hello.next, start)
        return [*self._give_time(hello, now, new=True), *self._give_watermark(), self._read(now)]

    def committed(self, commit: Commit, now: float) -> list[Action]:
        """Acknowledge: the records survive a power cut."""
        if self.state is not State.READING or commit.ref != self._read_ref:
            return []
        if self._reading.committed(commit.acked):
            return [self._read(now)]
        if self._reading.ahead:
            return []
        return [self._send(schema.Ack(epoch=commit.epoch, next=commit.acked))]

    def failed(self, now: float) -> list[Action]:
        """The spool did not take it: no ACK, and later again from what it really holds."""
        self._rest(now, REST)
        return []

    def tick(self, now: float) -> list[Action]:
        """Do what the deadline asks for."""
        if now < self.deadline:
            return []
        if self.state is State.GREETING:
            return self._unanswered(now)
        if self.state is State.RESTING:
            return [self._greet(now)]
        if self.state is State.READING:
            return [*self._next_order(now), *self._next_piece(now), *self._ping(now)]
        return []

    def mark(self, mark: schema.Watermark) -> list[Action]:
        """Hand an accepted watermark of this dispenser on to it."""
        if self.hello is None or mark.epoch != self.hello.epoch:
            return []
        self._watermark = mark
        return self._give_watermark() if self.state is State.READING else []

    def want(self, epoch: int, spans: list[Span], now: float) -> list[Action]:
        """Read these closed ranges again, before going on at the cursor."""
        if self.hello is None or epoch != self.hello.epoch:
            return []
        self._reading.want(spans, self.hello.first, now)
        if self.state is State.READING and self._reading.detour_due(now):
            return [self._read(now)]
        return []

    def order(self, orders: list[Order], now: float) -> list[Action]:
        """Give commands to the dispenser; without a session they are left to whoever gave them."""
        if self.state is not State.READING:
            return []
        self._orders.add(orders)
        return self._next_order(now)

    def deliver(self, order: Order, transfer: Transfer, now: float) -> list[Action]:
        """Bring a release to the dispenser, as far as the session lasts."""
        if self.state is not State.READING:
            return []
        self._delivering.give(order, transfer, self._greeted_hello())
        return self._next_piece(now)

    def _next_piece(self, now: float) -> list[Action]:
        ended = self._delivering.ended()
        if ended is not None:
            return [Answered(self.dispenser, *ended)]
        # records go first
        if self.state is not State.READING or self._reading.expected < self._greeted_hello().next:
            return []
        message = self._delivering.due(now)
        return [] if message is None else [self._frame(*message)]

    def _next_order(self, now: float) -> list[Action]:
        order = self._orders.due(now) if self.state is State.READING else None
        if order is None:
            return []
        send = self._frame(order.type, order.body)
        self._orders.given(self._ref, now)
        return [send]

    # ---- HELLO ------------------------------------------------------------------------------

    def _greet(self, now: float) -> Action:
        self.state = State.GREETING
        often = max(0, self._silent - _GREET_OFTEN)
        self.deadline = now + min(GREET_SELDOM, ANSWER_WITHIN * 2.0**often)
        return self._ask_hello()

    def _unanswered(self, now: float) -> list[Action]:
        self._silent = min(self._silent + 1, 100)
        if self._silent >= _REOPEN_AFTER:
            self.deadline = now + ANSWER_WITHIN
            return [Reopen("nobody answers")]
        return [self._greet(now)]

    def _ask_hello(self) -> Action:
        version = schema.PROTOCOL_VERSION
        send = self._send(schema.HelloRequest(version, version, self.away()))
        self._hello_ref = self._ref
        return send

    def _hello(self, frame: Frame, now: float) -> list[Action]:
        if not frame.reply or frame.ref != self._hello_ref:
            return self._foreign()
        try:
            hello = wire.parse(schema.Hello, frame.body)
        except wire.WireError as error:
            return self._bad_message(str(error))
        if self.state is State.GREETING:
            return self._welcome(hello, frame.body, now)
        if self.state is State.READING:
            return self._pong(hello, frame.body, now)
        return self._foreign()

    def _welcome(self, hello: schema.Hello, body: bytes, now: float) -> list[Action]:
        self._silent = self._bad = 0
        if self.hello is None or life_of(hello) != life_of(self.hello):
            self._reading, self._watermark = Reading(self._count, self._missing), None
        self.hello = hello
        if not self._can_read(hello):
            self._rest(now, _REST_LONG)
            return []
        self._counters.add("sessions")
        self.state = State.RESUMING
        self.deadline = now + GREET_SELDOM
        return [Greeted(self.dispenser, hello, body)]

    def _can_read(self, hello: schema.Hello) -> bool:
        ills = ills_of(hello)
        if ills:
            self._counters.add("service_needed")
            if ills != self.ills:
                _log.error("%s %s", self, ills)
        self.ills = ills
        return can_be_read(hello)

    def _ping(self, now: float) -> list[Action]:
        if self._silent >= _PINGS_LOST:
            return [Reopen("does not answer any more")]
        self._silent += 1
        self.deadline = now + _PONG_WITHIN
        return [self._ask_hello()]

    def _pong(self, hello: schema.Hello, body: bytes, now: float) -> list[Action]:
        known = self._greeted_hello()
        if life_of(hello) != life_of(known) or hello.next < known.next:
            return self._welcome(hello, body, now)
        self._silent = 0
        self.deadline = now + PING_EVERY
        self.hello = hello
        rebooted = hello.uptime < known.uptime
        actions = self._give_time(hello, now, new=rebooted)
        if rebooted:
            self._count("reboots", f"started anew, seq={hello.next}")
            return [*actions, *self._give_watermark(), self._read(now)]
        if self._reading.stalled(hello.next) or self._reading.detour_due(now):
            return [*actions, self._read(now)]
        if self._reading.expected < hello.next:
            self.deadline = now + _STALL_CHECK
        return actions

    # ---- READ and EVENTS --------------------------------------------------------------------

    def _read(self, now: float) -> Action:
        hello = self._greeted_hello()
        start = self._reading.begin(now)
        self.deadline = now + PING_EVERY
        window = schema.MAX_WINDOW
        send = self._send(schema.Read(epoch=hello.epoch, start=start, window=window))
        self._read_ref = self._ref
        return send

    def _events(self, frame: Frame, now: float) -> list[Action]:
        if self.state is not State.READING or frame.ref != self._read_ref:
            return self._foreign()
        hello = self._greeted_hello()
        try:
            events = wire.parse(schema.Events, frame.body)
            raws = wire.events_records(events)
            if events.epoch != hello.epoch:
                raise wire.WireError(f"EVENTS of epoch {events.epoch}")
        except wire.WireError as error:
            self._bad_message(str(error))
            return self._read_again(now)
        self._bad = 0
        self._counters.add("records_read", len(raws))
        links = links_of(events.previous, raws)
        wanted = self._reading.take(links, hello.first, now)
        if wanted is None:
            return [self._read(now)]
        return [self._commit(wanted)] if wanted else []

    def _commit(self, links: list[Link]) -> Commit:
        epoch, reading = self._greeted_hello().epoch, self._reading
        return Commit(
            self.dispenser,
            epoch,
            tuple(links),
            reading.following,
            self._read_ref,
            reading.expected,
        )

    def _read_again(self, now: float) -> list[Action]:
        self._bad += 1
        if self._bad <= _BAD_IN_A_ROW:
            return [self._read(now)]
        self._rest(now, min(GREET_SELDOM, REST * 2.0 ** (self._bad - _BAD_IN_A_ROW)))
        return []

    # ---- the rest ---------------------------------------------------------------------------

    def _error(self, frame: Frame, now: float) -> list[Action]:
        try:
            error = wire.parse(schema.Error, frame.body)
        except wire.WireError as problem:
            return self._bad_message(str(problem))
        text = error.text.decode("ascii", "replace")[:80]
        kind = name_of(error.code)
        self._count("errors_received", f"refused message {error.type}: {kind} {text!r}")
        begin_anew = (ErrorCode.wrong_epoch, ErrorCode.out_of_range, ErrorCode.not_provisioned)
        if self.state is State.READING and error.code in begin_anew:
            self._rest(now, REST)
        return []

    def _give_time(self, hello: schema.Hello, now: float, new: bool) -> list[Action]:
        last = self._time_sent
        wait = _TIME_EVERY if hello.quality == schema.Quality.synced else _TIME_AGAIN
        if not new and last is not None and now - last < wait:
            return []
        time = self._time_now()
        if time is None:
            return []
        self._time_sent = now
        return [self._send(time)]

    def _give_watermark(self) -> list[Action]:
        return [] if self._watermark is None else [self._send(self._watermark)]

    def _rest(self, now: float, seconds: float) -> None:
        self.state = State.RESTING
        self.deadline = now + seconds

    def _send(self, message: DataclassMixin) -> Send:
        return self._frame(_MESSAGE_OF[type(message)], wire.build(message))

    def _frame(self, kind: int, body: bytes) -> Send:
        self._ref = (self._ref + 1) & 0xFF
        return Send(Frame(kind, body, self._ref))

    def _greeted_hello(self) -> schema.Hello:
        if self.hello is None:
            raise RuntimeError("no dispenser was greeted")
        return self.hello

    def _foreign(self) -> list[Action]:
        self._counters.add("foreign_frames")
        return []

    def _bad_message(self, text: str) -> list[Action]:
        self._count("bad_messages", text)
        return []

    def _count(self, counter: str, text: str) -> None:
        self._counters.add(counter)
        _log.warning("%s %s", self, text)

    def _missing(self, first: int, last: int) -> None:
        self._incidents.missing(self.dispenser, self._greeted_hello().epoch, first, last)

    def __str__(self) -> str:
        if self.hello is None:
            return self._name
        return f"{self._name} dispenser={self.dispenser} epoch={self.hello.epoch}"
