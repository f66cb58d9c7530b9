"""Commands from the backend: kept, handed to the dispenser in session, the answer sent up.

The gateway can neither make nor judge a command: it carries the bytes that the backend signed.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import takewhile
from typing import Protocol

from gateway.actions import Answered
from gateway.counters import Counters
from gateway.database import SpoolError
from gateway.deliveries import Deliveries
from gateway.listener import Message
from gateway.mailbox import Answer, Mailbox
from gateway.orders import Order
from gateway.outbox import Link, is_refused
from gateway.transfer import Transfer
from protocol import schema, topics, wire
from protocol.pieces import PieceError

_log = logging.getLogger(__name__)
KINDS: dict[str, type[schema.ConfigPut | schema.ReleaseBegin | schema.SeenPut]] = {
    "config": schema.ConfigPut,
    "release": schema.ReleaseBegin,
    "seen": schema.SeenPut,
}
"""Kinds of downlink topics that carry commands, with the message that they hold."""
EXPIRY = 7 * 86_400
"""Seconds a command is kept if the backend does not say (MQTT 5.0, 3.3.2.3.3)."""
_MAX_WAITING = 64
_LOOK_EVERY = 60.0
_SPOOL_REST = 1.0


class Device(Protocol):
    """What is needed of a dispenser's port."""

    @property
    def dispenser(self) -> str:
        """Id of the dispenser."""

    def order(self, orders: list[Order]) -> None:
        """Give commands if it is in session."""

    def deliver(self, order: Order, transfer: Transfer) -> None:
        """Bring a release if it is in session."""


class Commands:
    """One task does everything in turn; what happens elsewhere waits in the inbox."""

    def __init__(
        self,
        gateway: str,
        mailbox: Mailbox,
        link: Link,
        counters: Counters,
        deliveries: Deliveries,
    ) -> None:
        self._deliveries = deliveries
        self._gateway = gateway
        self._mailbox = mailbox
        self._link = link
        self._counters = counters
        self._devices: Sequence[Device] = ()
        self._inbox: deque[Callable[[], Awaitable[None]]] = deque()
        self._wake = asyncio.Event()
        self._unacked: dict[int, Answer] = {}
        self._given: dict[str, set[Order]] = {}
        self.beat: Callable[[], None] = lambda: None

    # ---- what happens elsewhere -------------------------------------------------------------

    def message(self, message: Message) -> None:
        """Take a command; its PUBACK goes out when it is in the spool, or will never be."""
        try:
            dispenser, order = _parse(self._gateway, message)
        except ValueError as error:
            self._counters.add("downlink_malformed")
            _log.warning("downlink: %s", error)
            message.confirm()
            return
        if len(self._inbox) >= _MAX_WAITING:
            # not confirmed: the backend knows that it did not arrive
            self._counters.add("downlink_dropped")
            return
        self._post(lambda: self._keep(dispenser, order, message))

    def piece(self, message: Message) -> None:
        """Take a piece of a release; one that is dropped will be asked for again."""
        message.confirm()
        if len(self._inbox) < _MAX_WAITING:
            self._post(lambda: self._keep_piece(message))

    def greeted(self, dispenser: str) -> None:
        """Give a dispenser what waits for it: its session began."""

        async def act() -> None:
            self._given[dispenser] = set()
            await self._give(dispenser)

        self._post(act)

    def answered(self, answered: Answered) -> None:
        """Take a dispenser's answer."""
        self._post(lambda: self._take(_answer(answered)))

    def connected(self) -> None:
        """Send the answers that are not delivered, ask for releases that are not here."""
        self._post(self._send_all)
        self._post(self._look_for_releases)

    def disconnected(self) -> None:
        """Forget what was on its way."""
        self._unacked.clear()

    def puback(self, token: int, code: int) -> bool:
        """Take a PUBACK; tell whether it was for an answer."""
        answer = self._unacked.pop(token, None)
        if answer is not None and not is_refused(code):
            self._post(lambda: self._mailbox.delivered(answer))
        return answer is not None

    # ---- the one task -----------------------------------------------------------------------

    async def run(self, devices: Sequence[Device]) -> None:
        """Serve for ever; waits for the spool when it has to."""
        self._devices = devices
        while True:
            self.beat()
            while self._inbox:
                try:
                    await self._inbox[0]()
                except SpoolError:
                    self.beat()
                    await asyncio.sleep(_SPOOL_REST)
                else:
                    self._inbox.popleft()
            self._wake.clear()
            timer = asyncio.get_running_loop().call_later(_LOOK_EVERY, self._look)
            await self._wake.wait()
            timer.cancel()

    def _post(self, act: Callable[[], Awaitable[None]]) -> None:
        self._inbox.append(act)
        self._wake.set()

    def _look(self) -> None:
        self._post(self._expire)
        self._post(self._send_all)
        self._post(self._look_for_releases)

    async def _look_for_releases(self) -> None:
        for dispenser, order in self._deliveries.wanted:
            if order not in await self._mailbox.waiting(dispenser):
                self._deliveries.forget(dispenser, order)
        await self._refuse(await self._deliveries.look(self._devices))

    async def _keep_piece(self, message: Message) -> None:
        try:
            await self._refuse(await self._deliveries.take(message.payload, self._devices))
        except PieceError as error:
            self._counters.add("downlink_malformed")
            _log.warning("downlink: %s", error)

    async def _refuse(self, answers: list[Answered]) -> None:
        for answered in answers:
            await self._take(_answer(answered))

    async def _expire(self) -> None:
        expired = await self._mailbox.expire()
        if expired:
            self._counters.add("commands_expired", expired)
            _log.warning("%d commands expired: no dispenser took them in time", expired)

    async def _keep(self, dispenser: str, order: Order, message: Message) -> None:
        expires_in = EXPIRY if message.expires_in is None else message.expires_in
        kept = await self._mailbox.put(dispenser, order, expires_in)
        message.confirm()
        if not kept:
            self._counters.add("commands_refused")
            _log.warning("dispenser=%s has too many commands waiting", dispenser)
            return
        self._counters.add("commands")
        await self._give(dispenser)

    async def _give(self, dispenser: str) -> None:
        await self._expire()
        orders = await self._mailbox.waiting(dispenser)
        # by counter: what comes after a release waits for it, or it would be out of date
        before = list(takewhile(lambda order: order.kind != "release", orders))
        if orders and not before:
            offered = self._deliveries.offer(dispenser, orders[0], self._devices)
            await self._refuse(await offered)
        # once in a session: an answer may be on its way into the spool
        new = [order for order in before if order not in self._given.get(dispenser, ())]
        for device in self._devices:
            if new and device.dispenser == dispenser:
                self._given.setdefault(dispenser, set()).update(new)
                device.order(new)

    async def _take(self, answer: Answer) -> None:
        await self._mailbox.answered(answer)
        self._counters.add("commands_answered")
        text = f"{answer.order_kind} {answer.counter}: {answer.kind}"
        _log.info("dispenser=%s answered command %s", answer.dispenser, text)
        self._send(answer)
        for dispenser, order in self._deliveries.wanted:
            if (dispenser, order.counter) == (answer.dispenser, answer.counter):
                self._deliveries.forget(dispenser, order)
        self._post(lambda: self._give(answer.dispenser))

    async def _send_all(self) -> None:
        for answer in await self._mailbox.answers():
            if answer not in self._unacked.values():
                self._send(answer)

    def _send(self, answer: Answer) -> None:
        topic = topics.up(self._gateway, answer.dispenser, answer.kind)
        token = self._link.publish(
            topic, answer.body, correlation=answer.counter.to_bytes(4, "big")
        )
        if token is not None:
            self._unacked[token] = answer


def _answer(answered: Answered) -> Answer:
    order = answered.order
    return Answer(answered.dispenser, order.counter, order.kind, answered.kind, answered.body)


def _parse(gateway: str, message: Message) -> tuple[str, Order]:
    topic = topics.parse(message.topic)
    if (topic.gateway, topic.direction) != (gateway, "dn") or topic.kind not in KINDS:
        raise ValueError(f"not a command for this gateway: {message.topic!r}")
    if len(message.payload) > schema.MAX_BODY:
        raise ValueError(f"command of {len(message.payload)} bytes, at most {schema.MAX_BODY}")
    command = wire.parse(KINDS[topic.kind], message.payload)
    return topic.dispenser, Order(topic.kind, command.counter, message.payload)
