"""The backend's loop: deliveries, transaction, COMMIT, then PUBACKs, then WATERMARKs when due."""

import contextlib
import logging
import math
import queue
import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy.exc import DatabaseError

from protocol import topics
from protocol.schema import Watermark
from protocol.wire import build
from sim.backend.connection import Delivery
from sim.backend.ingest import Ingest, Outcome, Payload
from sim.backend.pacer import Address, Pacer
from sim.backend.store import Store, StoreError, is_busy, is_trouble

_RETRY_MIN = 0.05
_RETRY_MAX = 5.0
_SLICE = 0.1
_AGAIN = 0.5
_SETTLE_EVERY = 1.0
# deliveries of one transaction, and WATERMARKs between two transactions
_TOGETHER = 64
_SENT_TOGETHER = 64
_PIECE_KEPT_S = 60
_LOG = logging.getLogger("dosewire.backend")
Result = TypeVar("Result")
Item = Delivery | Callable[[], None] | str | None
"""What the loop waits for: a delivery, something to do in its thread, the name of something to
count, or a reason to look up."""


class Link(Protocol):
    """What the loop needs of the MQTT connection; see `sim.backend.connection.Connection`."""

    def start(self) -> None:
        """Begin to connect."""

    def stop(self) -> None:
        """Disconnect and end."""

    def publish(self, topic: str, payload: bytes) -> bool:
        """Publish; False if that was not possible."""

    def command(
        self, topic: str, payload: bytes, expires_in: int, taken: Callable[[], None]
    ) -> bool:
        """Publish with QoS 1, to be forgotten after so many seconds."""


class Duty(Protocol):
    """Something that is due now and then, done in the loop's thread."""

    def wait(self, now: float) -> float:
        """Return the seconds until it is due; `now` in monotonic seconds."""

    def do(self, now: float) -> None:
        """Do what is due. May raise DatabaseError; it is due again then."""


class StopError(Exception):
    """The process was asked to end."""


class Stop:
    """A request to end. Made by a signal handler, where taking a lock could block for ever."""

    def __init__(self) -> None:
        self.requested = False
        self.inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()

    def request(self, *_: object) -> None:
        """Ask the loop to end after what it is doing."""
        self.requested = True
        self.inbox.put(None)


def persist(
    stop: Stop, action: Callable[[], Result], failed: Callable[[DatabaseError], None]
) -> Result:
    """Return what `action` returns, tried again with growing pauses while the store is in trouble.

    Raises StopError if asked to end meanwhile, and any error that trying again cannot mend.
    """
    pause = _RETRY_MIN
    while True:
        try:
            return action()
        except DatabaseError as error:
            if not is_trouble(error):
                raise
            failed(error)
        until = time.monotonic() + random.uniform(pause / 2, pause)
        while (left := until - time.monotonic()) > 0:
            if stop.requested:
                raise StopError
            time.sleep(min(left, _SLICE))
        pause = min(2 * pause, _RETRY_MAX)


class Subscriber:
    """Runs until `stop` is requested. No delivery, and no state of the store, ends it."""

    def __init__(
        self,
        stop: Stop,
        store: Store,
        ingest: Ingest,
        pacer: Pacer,
        connection: Link,
        duties: Sequence[Duty] = (),
    ) -> None:
        self._store = store
        self._ingest = ingest
        self._stop = stop
        self._inbox = stop.inbox
        self._pacer = pacer
        self._connection = connection
        self._duties = duties
        self._unsent = False
        self._settled_at = time.monotonic()

    def run(self) -> None:
        """Take deliveries until asked to end; ends within 2 s even if broker or store hang.

        Raises StoreGoneError if the store was taken away: nothing is confirmed then.
        """
        self._connection.start()
        try:
            while not self._stop.requested:
                self._turn()
        except StopError:
            pass
        finally:
            self._connection.stop()
            self._store.close()

    def _turn(self) -> None:
        deliveries = []
        for item in self._next():
            if isinstance(item, Delivery):
                deliveries.append(item)
            elif callable(item):
                self._persisted(item)
            elif item is not None:
                self._store.count(item)
        if deliveries:
            self._take(deliveries)
        self._send_due()
        self._do_duties()
        if self._inbox.empty() or time.monotonic() - self._settled_at > _SETTLE_EVERY:
            self._settle()

    def _next(self) -> list[Item]:
        """Return what waits, at most what fits one transaction."""
        wait = self._pacer.wait(time.monotonic())
        if self._unsent:
            wait = max(wait, _AGAIN)
        if self._store.unsettled:
            wait = min(wait, _AGAIN)
        wait = min([wait, *(duty.wait(time.monotonic()) for duty in self._duties)])
        items: list[Item] = []
        with contextlib.suppress(queue.Empty):
            items.append(self._inbox.get(timeout=None if math.isinf(wait) else wait))
            while len(items) < _TOGETHER:
                items.append(self._inbox.get_nowait())
        return items

    def _take(self, deliveries: list[Delivery]) -> None:
        try:
            outcomes = self._persisted(lambda: self._ingest.take_all(_payloads(deliveries)))
        except (StopError, StoreError):
            raise
        except Exception:
            self._take_singly(deliveries)
            return
        for delivery in deliveries:
            delivery.confirm()
        for outcome in outcomes:
            self._note(outcome)

    def _take_singly(self, deliveries: list[Delivery]) -> None:
        # a defect of ours, met by one of them: the others must not suffer
        if len(deliveries) > 1:
            for delivery in deliveries:
                self._take([delivery])
            return
        # confirmed, since unconfirmed it would block all that follows
        self._store.count("internal_errors")
        _LOG.exception("payload of %s not taken", deliveries[0].topic[:120])
        deliveries[0].confirm()

    def _persisted(self, action: Callable[[], Result]) -> Result:
        return persist(self._stop, action, self._store_failed)

    def _note(self, outcome: Outcome) -> None:
        for note in outcome.notes:
            _LOG.warning("%s", note)
        if outcome.piece is not None:
            # lost: the gateway asks again
            topic = topics.down(outcome.gateway, outcome.dispenser, "piece")
            self._connection.command(topic, outcome.piece.build(), _PIECE_KEPT_S, _nothing)
        if outcome.watermark is None:
            return
        address = Address(outcome.dispenser, outcome.watermark.epoch, outcome.gateway)
        within = math.inf if outcome.within is None else outcome.within
        self._pacer.note(address, outcome.stored, time.monotonic() + within)

    def _send_due(self) -> None:
        self._unsent = False
        for address in self._pacer.due(time.monotonic(), _SENT_TOGETHER):
            try:
                state = self._store.watermark(address.dispenser, address.epoch)
            except DatabaseError as error:
                self._store_failed(error)
                self._unsent = True
                return
            if not self._sent(address, state):
                self._unsent = True
                return

    def _sent(self, address: Address, state: Watermark) -> bool:
        topic = topics.down(address.gateway, address.dispenser, "watermark")
        if not self._connection.publish(topic, build(state)):
            return False
        self._pacer.sent(address, time.monotonic())
        self._store.count("watermarks")
        self._store.named(address.dispenser, address.epoch, state.refused)
        return True

    def _do_duties(self) -> None:
        for duty in self._duties:
            if duty.wait(time.monotonic()) > 0:
                continue
            try:
                duty.do(time.monotonic())
            except DatabaseError as error:
                if not is_trouble(error):
                    raise
                # nothing is lost: it is due again
                self._store_failed(error)

    def _settle(self) -> None:
        self._settled_at = time.monotonic()
        try:
            self._store.settle()
        except DatabaseError as error:
            # nothing is lost: it goes with the next one
            self._store_failed(error)

    def _store_failed(self, error: DatabaseError) -> None:
        self._store.count("store_busy" if is_busy(error) else "store_failures")
        _LOG.warning("store: %s, trying again", str(error.orig).splitlines()[0])
        self._store.reopen()


def _nothing() -> None:
    pass


def _payloads(deliveries: Sequence[Delivery]) -> list[Payload]:
    return [Payload(d.topic, d.payload, d.redelivered, d.correlation) for d in deliveries]
