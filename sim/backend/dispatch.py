"""Sends commands: only to the gateway of the dispenser's newest verified record.

One command of a dispenser at a time, in their order. The counter is on disk before anything goes
out; what goes out again is the same bytes. It goes out again when the gateway did not take it,
when the dispenser has moved, and when the gateway was away since.
"""

import dataclasses
import logging
import math
from collections.abc import Callable
from itertools import groupby
from typing import Protocol

from sqlalchemy import Connection, bindparam, select, update

from protocol import topics
from protocol.wire import WireError
from sim.backend import commands
from sim.backend.commands import OPEN, QUEUED, REFUSED, SENT, SIGNED
from sim.backend.registry import RegistryFile
from sim.backend.store import Store
from sim.backend.tables import Command, GatewayState, Stream, gateways, meta, streams
from sim.backend.tables import commands as rows

_FIRST_AGAIN = 1.0
_LATEST_AGAIN = 30.0
_AT_ONCE = 256
_AGAIN_US = 30_000_000
# a state that was missed must not hold a command back for ever
_AGAIN_OFFLINE_US = 3_600_000_000
_LOG = logging.getLogger("dosewire.backend")
_BY_ID = rows.c.id == bindparam("id_")
_OPEN = (
    select(rows)
    .where(rows.c.state.in_(OPEN), rows.c.answered_at.is_(None))
    .order_by(rows.c.dispenser, rows.c.id)
    .limit(_AT_ONCE)
)
_DUE = select(rows.c.id).where(
    rows.c.state.in_(OPEN),
    rows.c.answered_at.is_(None) | (rows.c.expires_at <= bindparam("now")),
)
_DUE = _DUE.limit(1)
# one worker at a time: two that sign for one dispenser would give the same counter twice
_TURN = select(meta.c.value).where(meta.c.name == "schema").with_for_update(skip_locked=True)
_STREAMS = select(streams).where(streams.c.dispenser == bindparam("d"), streams.c.newest >= 0)
_STATE = select(gateways).where(gateways.c.gateway == bindparam("g"))


class Postman(Protocol):
    """What is needed of the MQTT connection; see `sim.backend.connection.Connection`."""

    @property
    def connected(self) -> bool:
        """Whether publishing is possible."""

    def command(
        self, topic: str, payload: bytes, expires_in: int, taken: Callable[[], None]
    ) -> bool:
        """Publish with QoS 1; `taken` is called in the loop's thread if somebody was there."""


class Dispatcher:
    """Looks for commands that are to be sent: when woken, and every `idle` seconds.

    While some are open it looks again after a second, then less and less often.
    """

    def __init__(
        self,
        store: Store,
        registry: RegistryFile,
        postman: Postman,
        clock: Callable[[], int],
        idle: float,
    ) -> None:
        self._store = store
        self._registry = registry
        self._postman = postman
        self._clock = clock
        self._idle = idle
        self._due = -math.inf
        self._pause = _FIRST_AGAIN

    def wake(self) -> None:
        """Look soon: there is a new command, or a connection."""
        self._due = -math.inf
        self._pause = _FIRST_AGAIN

    def wait(self, now: float) -> float:
        """Return the seconds until the next look."""
        return max(0.0, self._due - now)

    def do(self, now: float) -> None:
        """Sign, keep and send what is to be sent. Raises DatabaseError: due again then."""
        self._due = now + self._pause
        with self._store.reading() as db:
            idle = db.execute(_DUE, {"now": self._clock()}).first() is None
        if idle:
            self._due = now + self._idle
            return
        with self._store.writing() as transaction:
            db = transaction.db
            if db.execute(_TURN).first() is None:
                return
            expired = commands.expire(db, self._clock())
            ready = self._ready(db) if self._postman.connected else []
        if expired:
            self._store.count("commands_expired", expired)
            _LOG.warning("%d commands expired: no dispenser took them in time", expired)
        self._pause = _FIRST_AGAIN if ready else min(2 * self._pause, _LATEST_AGAIN)
        for command in ready:
            self._send(command)

    def _ready(self, db: Connection) -> list[Command]:
        found = [Command(**row._mapping) for row in db.execute(_OPEN)]
        ready = []
        for dispenser, waiting in groupby(found, lambda command: command.dispenser):
            gateway = self._gateway(db, dispenser)
            first = next(
                (c for c in waiting if c.state != SENT or self._again(db, c, gateway)), None
            )
            if first is None or not gateway or not self._again(db, first, gateway):
                continue
            signed = self._signed(db, first)
            if signed is not None:
                ready.append(self._leased(db, signed, gateway))
        return ready

    def _gateway(self, db: Connection, dispenser: str) -> str:
        """Return the gateway of the newest verified record: of the epoch given last."""
        found = [Stream(*row) for row in db.execute(_STREAMS, {"d": dispenser})]
        order = self._registry.epochs_of(dispenser)
        known = [stream for stream in found if stream.epoch in order]
        newest = max(known, key=lambda stream: order.index(stream.epoch), default=None)
        return "" if newest is None else newest.gateway

    def _again(self, db: Connection, command: Command, gateway: str) -> bool:
        if command.sent_at is None or command.gateway != gateway:
            return True
        row = db.execute(_STATE, {"g": gateway}).first()
        state = None if row is None else GatewayState(**row._mapping)
        if state is not None and state.online and state.since > command.sent_at:
            return True
        away = state is not None and not state.online
        age = self._clock() - command.sent_at
        return command.state == SIGNED and age > (_AGAIN_OFFLINE_US if away else _AGAIN_US)

    def _signed(self, db: Connection, command: Command) -> Command | None:
        if command.state != QUEUED:
            return command
        secret = self._registry.secret_of(command.dispenser)
        try:
            if secret is None:
                raise WireError("not in the registry any more")
            return commands.sign(db, secret, command)
        except WireError as error:
            values = {"state": REFUSED, "reason": str(error)[:160], "ended_at": self._clock()}
            db.execute(update(rows).where(_BY_ID).values(values), {"id_": command.id})
            _LOG.warning("command %d for %s not sent: %s", command.id, command.dispenser, error)
            return None

    def _leased(self, db: Connection, command: Command, gateway: str) -> Command:
        # another worker that looks now sees that it is under way
        leased = dataclasses.replace(command, gateway=gateway, sent_at=self._clock())
        values = {"gateway": gateway, "sent_at": leased.sent_at, "state": SIGNED}
        db.execute(update(rows).where(_BY_ID).values(values), {"id_": command.id})
        return leased

    def _send(self, command: Command) -> None:
        if command.body is None or command.gateway is None:
            return
        left = max(1, (command.expires_at - self._clock()) // 1_000_000)
        topic = topics.down(command.gateway, command.dispenser, command.kind)
        self._postman.command(topic, command.body, left, lambda: self._taken(command))

    def _taken(self, command: Command) -> None:
        self._store.count("commands_sent")
        _LOG.info(
            "command %d (%s, counter %s) for %s sent by %s",
            *(command.id, command.kind, command.counter, command.dispenser, command.gateway),
        )
        same = _BY_ID & (rows.c.state == SIGNED) & (rows.c.gateway == command.gateway)
        with self._store.writing() as transaction:
            moved = update(rows).where(same).values(state=SENT)
            transaction.db.execute(moved, {"id_": command.id})
