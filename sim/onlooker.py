"""Who has pressed a button looks at the panel, and what it tells then is kept in the ledger."""

from collections.abc import Callable

from sim.board.events import OutputEvent
from sim.ledger import Answer, Ledger
from sim.panel import DELIVERED, Panel

_LOOKS_NS = 1800 * 10**9
_MORE_NS = 3 * 10**9
"""Behind *delivered*: it may become *seen*."""


class Onlooker:
    """One dispenser's: looks for half an hour after each `look`, or until all is delivered.

    `hear` lets the board tell its outputs, or not: in virtual time a flash every ten seconds that
    nobody looks at would be most of what a day costs.
    """

    def __init__(self, name: str, ledger: Ledger, other: Panel | None = None) -> None:
        """`other` gets all that is heard, too."""
        self.hear: Callable[[bool], None] = lambda _: None
        self._name, self._ledger, self._other = name, ledger, other
        self._panel = Panel()
        self._until = 0
        self._looks = False

    def look(self, t: int) -> None:
        """Look from `t` (ns) on."""
        self._until = t + _LOOKS_NS
        if not self._looks:
            self._looks = True
            self._panel = Panel()  # what it did meanwhile is no answer
            self.hear(True)

    def take(self, event: OutputEvent) -> None:
        """Take in what an output did."""
        if self._other:
            self._other.take(event)
        if told := self._panel.take(event):
            self._ledger.append(Answer(event.time_ns, self._name, told))
        if told == DELIVERED:
            self._until = min(self._until, event.time_ns + _MORE_NS)
        if self._looks and event.time_ns > self._until:
            self._looks = False
            self.hear(False)
