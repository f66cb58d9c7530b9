"""What a worker does now and then beside taking deliveries."""

import logging
import math
from collections.abc import Callable

from sqlalchemy import select, tuple_

from sim.backend import missing
from sim.backend.pacer import Address, Pacer
from sim.backend.store import Store
from sim.backend.tables import claims

_LOG = logging.getLogger("dosewire.backend")
_AT_ONCE = 256


class MissingWatch:
    """Alarms what has not come for `after` seconds; looks every `every` seconds."""

    def __init__(self, store: Store, clock: Callable[[], int], after: float, every: float) -> None:
        self._store = store
        self._clock = clock
        self._after = round(after * 1e6)
        self._every = every
        self._due = -math.inf

    def wait(self, now: float) -> float:
        """Return the seconds until the next look."""
        return max(0.0, self._due - now)

    def do(self, now: float) -> None:
        """Look. Raises DatabaseError if the store is in trouble; the next look is due then."""
        self._due = now + self._every
        with self._store.writing() as transaction:
            lines = missing.watch(transaction.db, self._clock, self._after)
        for line in lines:
            _LOG.warning("%s", line)


class Announcer:
    """After each connect: the WATERMARK of every stream to every gateway that it was heard of at.

    A gateway that waits for a backend that was away, or that was restored from a copy, learns at
    once where it stands, instead of asking within hours. `begin` is called when subscribed.
    """

    def __init__(self, store: Store, pacer: Pacer) -> None:
        self._store = store
        self._pacer = pacer
        self._after: tuple[str, int, str] | None = None
        self._due = math.inf

    def begin(self) -> None:
        """Begin anew: the subscription stands."""
        self._after = None
        self._due = -math.inf

    def wait(self, now: float) -> float:
        """Return the seconds until there is something to announce, infinite if there is not."""
        return max(0.0, self._due - now)

    def do(self, now: float) -> None:
        """Owe the next WATERMARKs, so many that deliveries are not kept waiting."""
        addresses = self._next()
        for address in addresses:
            self._pacer.note(address, 0, by=now)
        self._store.count("announced", len(addresses))
        if addresses:
            last = addresses[-1]
            self._after = (last.dispenser, last.epoch, last.gateway)
        else:
            self._due = math.inf

    def _next(self) -> list[Address]:
        key = (claims.c.dispenser, claims.c.epoch, claims.c.gateway)
        query = select(*key).order_by(*key).limit(_AT_ONCE)
        if self._after is not None:
            query = query.where(tuple_(*key) > tuple_(*self._after))
        with self._store.reading() as db:
            return [Address(*row) for row in db.execute(query)]
