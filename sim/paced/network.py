"""Whether anything is on its way between the processes of a world, so that time may move."""

from collections.abc import Callable, Sequence
from typing import Protocol

from sim.clock import VirtualClock
from sim.paced.child import PacedChild
from sim.paced.sockets import Sockets
from sim.paced.threads import all_sleep
from sim.participant import Participant
from sim.patience import Patience


class Server(Protocol):
    """The broker: its process, None while it does not run, and whether somebody stopped it."""

    @property
    def pid(self) -> int | None:
        """Process id."""

    @property
    def frozen(self) -> bool:
        """Whether it stands still until somebody lets it run on."""


class Network:
    """The broker and everybody's sockets: the kernel tells what is not yet read.

    Nothing can be on its way unless a process of ours has used a connection since it was last
    found quiet, or something was done to one. What is on its way to a process that somebody froze
    is not waited for. Raises PatienceError where something stays on its way for good.
    """

    def __init__(
        self,
        clock: VirtualClock,
        children: Callable[[], Sequence[PacedChild]],
        broker: Server,
        stirs: Callable[[], int] = lambda: 0,
    ) -> None:
        """`stirs` tells how often the world itself has given something to a process."""
        self._clock = clock
        self._children = children
        self._broker = broker
        self._stirs = stirs
        self._quiet: tuple[object, ...] | None = None
        self._patience = Patience()
        self._sockets: dict[int, Sockets] = {}
        self._participant: Participant = clock.join(
            "network", lambda *_: None, holds=self.holds, rings=self._anybody_runs
        )

    def holds(self) -> bool:
        """Whether time must stand still."""
        before = self._mark()
        if before == self._quiet:
            return False
        if self._anybody_runs():
            return True
        busy = self._busy()
        if busy:
            self._patience.wait(busy)
        elif not self._anybody_runs() and self._mark() == before:
            self._quiet = before
            self._patience.rest()
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

    def _mark(self) -> tuple[object, ...]:
        states = ((one.pid, one.frozen) for one in (self._broker, *self._children()))
        touched = (child.touched for child in self._children())
        return (*states, self._stirs(), *touched)

    def _anybody_runs(self) -> bool:
        return any(child.awake() for child in self._children())

    def _busy(self) -> list[str]:
        """Return who has something to do, and what."""
        everybody = (self._broker, *self._children())
        frozen = {one.pid for one in everybody if one.frozen}
        sockets = self._of({one.pid for one in everybody if one.pid is not None})
        deaf = {end for one in sockets if one.pid in frozen for end in one.addresses()}
        running = [one for one in sockets if one.pid not in frozen]
        # between a read and the write that follows it runs, and what it wrote may lie there
        told = _on_the_way(running, deaf)
        told += [f"process {one.pid} runs" for one in running if not all_sleep(one.pid)]
        return told or _on_the_way(running, deaf)

    def _of(self, pids: set[int]) -> list[Sockets]:
        for gone in self._sockets.keys() - pids:
            self._sockets.pop(gone).close()
        for new in pids - self._sockets.keys():
            try:
                self._sockets[new] = Sockets(new)
            except OSError:  # ended meanwhile
                continue
        return list(self._sockets.values())


def _on_the_way(sockets: Sequence[Sockets], deaf: set[tuple[object, ...]]) -> list[str]:
    told = [f"process {one.pid} does not read {name}" for one in sockets for name in one.unread()]
    for one in sockets:
        told += [f"process {one.pid} cannot send {name}" for name in one.unsent(deaf)]
    return told
