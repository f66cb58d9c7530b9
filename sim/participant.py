"""Somebody without whom a world's virtual time does not move."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.clock import VirtualClock

NEVER = 1 << 62


class Participant:
    """Somebody without whom virtual time does not move; made by `VirtualClock.join`.

    It has nothing to do until `until_ns`, or runs (`until_ns` None). When its time has come it is
    given the turn by `run(horizon_ns, free_ns)`: nothing else happens before the horizon, so long
    it may use time up by running; before `free_ns` it may even wait without asking, as long as
    it does nothing that others could notice. While it `holds` work time stands; one that `rings`
    need not be asked again and again whether that is over.
    """

    def __init__(
        self,
        clock: VirtualClock,
        name: str,
        run: Callable[[int, int], None],
        holds: Callable[[], bool],
        rings: Callable[[], bool],
        look: Callable[[], None],
    ) -> None:
        self.name = name
        self.run, self.holds, self.rings, self.look = run, holds, rings, look
        self.until_ns: int | None = NEVER
        self._clock = clock

    def busy(self) -> None:
        """It runs, from now on."""
        self.until_ns = None
        self._clock.look_again()

    def idle(self, until_ns: int = NEVER, reached_ns: int = 0) -> None:
        """It has nothing to do before `until_ns`; by itself it has come to `reached_ns`."""
        self._clock.reach(reached_ns)
        self.until_ns = until_ns
        self._clock.look_again()

    def poke(self) -> None:
        """Something has come for it: it gets the turn now, unless it runs anyway."""
        if self.until_ns is not None:
            self.idle(min(self.until_ns, self._clock.now_ns))

    def leave(self) -> None:
        """Time no longer asks it."""
        self._clock.forget(self)
