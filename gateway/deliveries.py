"""Releases from the backend to dispensers: fetched in pieces, checked, given on in session.

What is fetched is asked for, a piece at a time, so that it goes on where it was cut off, by
whatever; records do not wait for it.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.actions import Answered
from gateway.counters import Counters
from gateway.orders import Order
from gateway.outbox import Link
from gateway.stock import Stock
from gateway.transfer import Transfer
from protocol import schema, topics, wire
from protocol.pieces import Piece, PieceError, Wanted
from protocol.schema import ErrorCode, MessageType, ReleaseBegin

_log = logging.getLogger(__name__)
_ASK_AGAIN = 60.0
_ASK_SELDOM = 3600.0
_MOST_TEXT = 80


class Device(Protocol):
    """What is needed of a dispenser's port."""

    @property
    def dispenser(self) -> str:
        """Id of the dispenser."""

    def deliver(self, order: Order, transfer: Transfer) -> None:
        """Bring a release to the dispenser if it is in session."""


class _Wish:
    """A release that a dispenser is to get; `command` is the body of `order`."""

    def __init__(self, order: Order, now: float) -> None:
        self.order = order
        self.command = wire.parse(ReleaseBegin, order.body)
        self.transfer: Transfer | None = None
        self.asked = 0
        self.ask_at = now


class Deliveries:
    """`now` gives monotonic seconds; to be used by one task, one call at a time."""

    def __init__(
        self,
        gateway: str,
        stock: Stock,
        link: Link,
        counters: Counters,
        now: Callable[[], float],
    ) -> None:
        self._gateway = gateway
        self._stock = stock
        self._link = link
        self._counters = counters
        self._now = now
        self._wishes: dict[str, _Wish] = {}

    @property
    def wanted(self) -> list[tuple[str, Order]]:
        """Dispensers and the releases that they are to get."""
        return [(dispenser, wish.order) for dispenser, wish in self._wishes.items()]

    async def offer(
        self, dispenser: str, order: Order, devices: Sequence[Device]
    ) -> list[Answered]:
        """Get a release for a dispenser and give it on when it is whole; the newest counts."""
        wish = self._wishes.get(dispenser)
        if wish is None or wish.order != order:
            wish = self._wishes[dispenser] = _Wish(order, self._now())
        if wish.transfer is not None:
            _give(dispenser, wish, devices)
        return await self.look(devices)

    def forget(self, dispenser: str, order: Order) -> None:
        """Note that a release was answered, or is not wanted any more."""
        wish = self._wishes.get(dispenser)
        if wish is not None and wish.order == order:
            del self._wishes[dispenser]

    async def take(self, payload: bytes, devices: Sequence[Device]) -> list[Answered]:
        """Keep a piece and ask for the next one. Raises PieceError if it is malformed."""
        piece = Piece.parse(payload)
        for wish in self._wishes.values():
            if wish.command.manifest == piece.manifest and await self._keep(piece):
                wish.asked, wish.ask_at = 0, self._now()
        return await self.look(devices)

    async def look(self, devices: Sequence[Device]) -> list[Answered]:
        """Ask for what is due, give on what has become whole; return what will never be."""
        answers = []
        asked: set[bytes] = set()
        for dispenser, wish in list(self._wishes.items()):
            if wish.transfer is not None:
                continue
            if self._stock.key is None:
                answers.append(self._refuse(dispenser, wish, "no release.key configured here"))
            elif self._stock.is_whole(wish.command.manifest):
                answers += await self._open(dispenser, wish, devices)
            elif wish.command.manifest not in asked and self._now() >= wish.ask_at:
                asked.add(wish.command.manifest)
                self._ask(dispenser, wish)
        return answers

    async def _keep(self, piece: Piece) -> bool:
        try:
            return await asyncio.to_thread(self._stock.add, piece)
        except OSError as error:
            _log.error("release: a piece cannot be kept: %s", error)
            return False

    async def _open(
        self, dispenser: str, wish: _Wish, devices: Sequence[Device]
    ) -> list[Answered]:
        try:
            contents = await asyncio.to_thread(self._stock.contents, wish.command)
            wish.transfer = Transfer(wish.order.body, contents)
        except (PieceError, wire.WireError) as error:
            return [self._refuse(dispenser, wish, str(error))]
        version, size = ".".join(map(str, wish.transfer.version)), wish.transfer.left()
        _log.info("dispenser=%s release %s is here, %d bytes", dispenser, version, size)
        _give(dispenser, wish, devices)
        return []

    def _refuse(self, dispenser: str, wish: _Wish, text: str) -> Answered:
        self._counters.add("releases_refused")
        _log.error("dispenser=%s release refused by this gateway: %s", dispenser, text)
        told = text.encode("ascii", "replace")[:_MOST_TEXT]
        error = schema.Error(ErrorCode.malformed, int(MessageType.release_begin), told)
        return Answered(dispenser, wish.order, "error", wire.build(error))

    def _ask(self, dispenser: str, wish: _Wish) -> None:
        held = self._stock.held(wish.command.manifest)
        question = Wanted(wish.command.manifest, held).build()
        if self._link.publish(topics.up(self._gateway, dispenser, "wanted"), question) is None:
            return
        self._counters.add("pieces_asked")
        wish.ask_at = self._now() + min(_ASK_SELDOM, _ASK_AGAIN * 2.0**wish.asked)
        wish.asked = min(wish.asked + 1, 30)


def _give(dispenser: str, wish: _Wish, devices: Sequence[Device]) -> None:
    for device in devices:
        if device.dispenser == dispenser and wish.transfer is not None:
            device.deliver(wish.order, wish.transfer)
