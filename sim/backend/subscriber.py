"""The backend's loop: delivery, transaction, COMMIT, then PUBACK, then WATERMARK when due."""

import logging
import math
import queue
import random
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy.exc import DatabaseError

from protocol import topics
from protocol.schema import Watermark
from protocol.wire import build
from sim.backend.connection import Delivery
from sim.backend.ingest import Ingest, Outcome
from sim.backend.store import Store, StoreError, is_busy, is_trouble
from sim.backend.watermark import Address, Pacer

_RETRY_MIN = 0.05
_RETRY_MAX = 5.0
_SLICE = 0.1
_AGAIN = 0.5
_LOG = logging.getLogger("dosewire.backend")
Result = TypeVar("Result")
Item = Delivery | str | None
"""What the loop waits for: a delivery, the name of something to count, or a reason to look up."""


class Link(Protocol):
    """What the loop needs of the MQTT connection; see `sim.backend.connection.Connection`."""

    def start(self) -> None:
        """Begin to connect."""

    def stop(self) -> None:
        """Disconnect and end."""

    def publish(self, topic: str, payload: bytes) -> bool:
        """Publish; False if that was not possible."""


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
        self, stop: Stop, store: Store, ingest: Ingest, pacer: Pacer, connection: Link
    ) -> None:
        self._store = store
        self._ingest = ingest
        self._stop = stop
        self._inbox = stop.inbox
        self._pacer = pacer
        self._connection = connection
        self._unsent = False

    def run(self) -> None:
        """Take deliveries until asked to end; ends within 2 s even if broker or store hang.

        Raises StoreGoneError if the store's file was taken away: nothing is confirmed then.
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
        item = self._next()
        if isinstance(item, Delivery):
            self._take(item)
        elif isinstance(item, str):
            self._store.count(item)
        self._send_due()
        if self._inbox.empty():
            self._settle()

    def _next(self) -> Item:
        wait = self._pacer.wait(time.monotonic())
        if self._unsent:
            wait = max(wait, _AGAIN)
        if self._store.unsettled:
            wait = min(wait, _AGAIN)
        try:
            return self._inbox.get(timeout=None if math.isinf(wait) else wait)
        except queue.Empty:
            return None

    def _take(self, delivery: Delivery) -> None:
        try:
            outcome = persist(self._stop, lambda: self._ingested(delivery), self._store_failed)
        except (StopError, StoreError):
            raise
        except Exception:
            # a defect of ours: confirmed, since unconfirmed it would block all that follows
            self._store.count("internal_errors")
            _LOG.exception("payload of %s not taken", delivery.topic[:120])
            delivery.confirm()
            return
        delivery.confirm()
        for note in outcome.notes:
            _LOG.warning("%s", note)
        self._note(outcome)

    def _ingested(self, delivery: Delivery) -> Outcome:
        return self._ingest.take(
            delivery.topic, delivery.payload, redelivered=delivery.redelivered
        )

    def _note(self, outcome: Outcome) -> None:
        if outcome.watermark is None:
            return
        address = Address(outcome.dispenser, outcome.watermark.epoch, outcome.gateway)
        within = math.inf if outcome.within is None else outcome.within
        self._pacer.note(address, outcome.stored, time.monotonic() + within)

    def _send_due(self) -> None:
        self._unsent = False
        for address in self._pacer.due(time.monotonic()):
            try:
                state = self._store.watermark(address.dispenser, address.epoch)
            except DatabaseError as error:
                self._store_failed(error)
                self._unsent = True
                return
            if not self._sent(address, state):
                self._unsent = True

    def _sent(self, address: Address, state: Watermark) -> bool:
        topic = topics.down(address.gateway, address.dispenser, "watermark")
        if not self._connection.publish(topic, build(state)):
            return False
        self._pacer.sent(address, time.monotonic())
        self._store.count("watermarks")
        self._store.named(address.dispenser, address.epoch, state.refused)
        return True

    def _settle(self) -> None:
        try:
            self._store.settle()
        except DatabaseError as error:
            # nothing is lost: it goes with the next transaction
            self._store_failed(error)

    def _store_failed(self, error: DatabaseError) -> None:
        self._store.count("store_busy" if is_busy(error) else "store_failures")
        _LOG.warning("store: %s, trying again", error.orig)
        self._store.reopen()
