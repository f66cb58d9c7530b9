"""A release on its way over one port: what to send next, and how it ended."""

from gateway.orders import Order
from gateway.transfer import Message, Outcome, Transfer
from protocol import schema, wire
from protocol.framing import Frame
from protocol.schema import MessageType

_ALL = 255
_OURS = (MessageType.release_begin, MessageType.release_chunk, MessageType.release_end)


class Delivering:
    """Pure; times are monotonic seconds. One release at a time."""

    def __init__(self) -> None:
        self._order: Order | None = None
        self._transfer: Transfer | None = None
        self._answer: tuple[str, bytes] | None = None

    def give(self, order: Order, transfer: Transfer, hello: schema.Hello) -> None:
        """Begin, or go on after the session began anew; the last given is the one."""
        transfer.greeted(hello)
        self._order, self._transfer, self._answer = order, transfer, None

    def forget(self) -> None:
        """Note that the session ended."""
        self._order = self._transfer = None

    def due(self, now: float) -> Message | None:
        """Return the message to be sent now, if any."""
        return self._transfer.due(now) if self._transfer is not None else None

    def take(self, frame: Frame, now: float) -> bool:
        """Take a frame if it is an answer to the release; tell whether it was."""
        if self._transfer is None or not frame.reply:
            return False
        try:
            return self._is_answer(self._transfer, frame, now)
        except wire.WireError:
            return False  # told where such a message is taken otherwise

    def _is_answer(self, transfer: Transfer, frame: Frame, now: float) -> bool:
        if frame.type == MessageType.release_begin:
            transfer.take(frame.body, now)
            return True
        if frame.type == MessageType.error:
            error = wire.parse(schema.Error, frame.body)
            if error.type in _OURS:
                self._answer = "error", frame.body
                return True
        return False

    def ended(self) -> tuple[Order, str, bytes] | None:
        """Return order, kind of answer and body once it is over, and forget it."""
        order, transfer = self._order, self._transfer
        if order is None or transfer is None:
            return None
        if self._answer is None and transfer.outcome is not None:
            refused = transfer.reason if transfer.outcome is Outcome.refused else 0
            told = schema.ReleaseProgress(file=_ALL, offset=0, refused=refused)
            self._answer = "release", wire.build(told)
        if self._answer is None:
            return None
        self.forget()
        return order, *self._answer
