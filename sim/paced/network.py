"""Whether anything is on its way between the processes of a world, so that time may move."""

import time
from collections.abc import Callable, Sequence

from sim.clock import VirtualClock
from sim.paced.child import PacedChild
from sim.paced.sockets import Sockets
from sim.participant import Participant

_PATIENCE_S = 1.0
"""Real time after which what a stopped process does not read no longer holds time up."""

Held = frozenset[tuple[str, int]]


class Network:
    """The broker and everybody's sockets: the kernel tells what is not yet read.

    Nothing can be on its way unless a process of ours has used a connection since it was last
    found quiet.
    """

    def __init__(
        self,
        clock: VirtualClock,
        children: Callable[[], Sequence[PacedChild]],
        broker: Callable[[], int | None],
        stirs: Callable[[], int] = lambda: 0,
    ) -> None:
        """`broker` gives its process id, None while it does not run.

        `stirs` tells how often the world itself has given something to a connection.
        """
        self._clock = clock
        self._children = children
        self._broker = broker
        self._stirs = stirs
        self._quiet: tuple[int | None, ...] | None = None
        self._since: float | None = None
        self._stuck: Held = frozenset()
        self._sockets: dict[int, Sockets] = {}
        self._participant: Participant = clock.join("network", lambda *_: None, holds=self.holds)

    def holds(self) -> bool:
        """Whether time must stand still."""
        before = self._mark()
        if before == self._quiet:
            return False
        if self._anybody_runs() or not self._is_quiet() or self._anybody_runs():
            return True
        if self._mark() == before:
            self._quiet, self._since = before, None
            # who was asked before this may have been given something since
            self._clock.look_again()
        return True

    def let_go(self) -> None:
        """Keep hold of nobody's sockets: a port that is to be taken anew must be free."""
        self._of(set())

    def close(self) -> None:
        """Time no longer asks."""
        self._participant.leave()
        self.let_go()

    def _mark(self) -> tuple[int | None, ...]:
        return (self._broker(), self._stirs(), *(child.touched for child in self._children()))

    def _anybody_runs(self) -> bool:
        return any(child.awake() for child in self._children())

    def _is_quiet(self) -> bool:
        broker = self._broker()
        pids = [broker, *(child.pid for child in self._children())]
        all_sockets = self._of({pid for pid in pids if pid is not None})
        if broker is None:
            return True
        held = self._held(all_sockets) - self._stuck
        # between a read and the write that follows, the broker runs
        if not held and self._of_broker(broker) and not self._held(all_sockets) - self._stuck:
            return True
        return self._gives_up(self._held(all_sockets))

    def _of_broker(self, broker: int) -> bool:
        return broker not in self._sockets or self._sockets[broker].sleeps()

    def _gives_up(self, held: Held) -> bool:
        now = time.monotonic()
        self._since = self._since or now
        if now - self._since < _PATIENCE_S:
            return False
        self._stuck, self._since = held, None
        return True

    @staticmethod
    def _held(all_sockets: Sequence[Sockets]) -> Held:
        return frozenset[tuple[str, int]]().union(*(one.waiting() for one in all_sockets))

    def _of(self, pids: set[int]) -> list[Sockets]:
        for gone in self._sockets.keys() - pids:
            self._sockets.pop(gone).close()
        for new in pids - self._sockets.keys():
            try:
                self._sockets[new] = Sockets(new)
            except OSError:  # ended meanwhile
                continue
        return list(self._sockets.values())
