"""What the publisher needs of a dispenser in session."""

from typing import Protocol

from gateway.gaps import Span
from protocol import schema


class Device(Protocol):
    """A dispenser whose records are published."""

    @property
    def dispenser(self) -> str:
        """Id of the dispenser."""

    def mark(self, mark: schema.Watermark) -> None:
        """Hand an accepted watermark on."""

    def want(self, epoch: int, spans: list[Span]) -> None:
        """Read these ranges again."""
