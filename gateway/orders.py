"""Commands given to one dispenser, one at a time: the next when this one is answered."""

from collections import deque
from dataclasses import dataclass

from protocol.framing import Frame
from protocol.schema import MessageType

_ANSWER_WITHIN = 10.0
_TRIES = 3
_TYPES = {"config": MessageType.config_put, "seen": MessageType.seen}
_ANSWERS: dict[int, str] = {
    MessageType.config_get: "config",
    MessageType.config_put: "config",
    MessageType.seen: "seen",
    MessageType.error: "error",
}


@dataclass(frozen=True, slots=True)
class Order:
    """A command as the backend signed it; `kind` is `config`, `release` or `seen`.

    A release is more than its command, and given on by itself: `delivering.py`.
    """

    kind: str
    counter: int
    body: bytes

    @property
    def type(self) -> MessageType:
        """The message that carries it."""
        return _TYPES[self.kind]


class Orders:
    """Pure; times are monotonic seconds."""

    def __init__(self) -> None:
        self._waiting: deque[Order] = deque()
        self._ref: int | None = None
        self._again_at = 0.0
        self._tries = 0

    def add(self, orders: list[Order]) -> None:
        """Take orders that are not waiting already."""
        self._waiting.extend(order for order in orders if order not in self._waiting)

    def due(self, now: float) -> Order | None:
        """Return the order to be given now; one that is never answered is given up."""
        if self._ref is not None and now < self._again_at:
            return None
        if self._tries >= _TRIES:
            self._next()
        return self._waiting[0] if self._waiting else None

    def given(self, ref: int, now: float) -> None:
        """Note that the first order went out in a frame with this ref."""
        self._ref, self._again_at = ref, now + _ANSWER_WITHIN
        self._tries += 1

    def take(self, frame: Frame) -> tuple[Order, str, bytes] | None:
        """Return order, kind of answer and body if this frame answers the order given."""
        kind = _ANSWERS.get(frame.type)
        if kind is None or not frame.reply or frame.ref != self._ref or not self._waiting:
            return None
        if kind not in ("error", self._waiting[0].kind):
            return None
        order = self._waiting[0]
        self._next()
        return order, kind, frame.body

    def forget(self) -> None:
        """Note that the session ended."""
        self._waiting.clear()
        self._ref, self._tries = None, 0

    def _next(self) -> None:
        if self._waiting:
            self._waiting.popleft()
        self._ref, self._tries = None, 0
