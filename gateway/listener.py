"""What an uplink tells, and to whom."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """A message from the broker; `confirm` sends its PUBACK, `expires_in` is in seconds."""

    topic: str
    payload: bytes
    expires_in: int | None
    confirm: Callable[[], object]


class Listener(Protocol):
    """Who wants to know what the broker says; called on the event loop."""

    def connected(self) -> None:
        """Publishing is possible from now on."""

    def disconnected(self) -> None:
        """What was published and not acknowledged may or may not have arrived."""

    def puback(self, token: int, code: int) -> None:
        """Take the broker's answer to a publication (MQTT 5.0, 3.4.2.1)."""

    def message(self, message: Message) -> None:
        """Take a message for this gateway."""
