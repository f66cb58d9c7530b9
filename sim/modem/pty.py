"""The simulated modem's USB port: a terminal behind a link, gone while the modem restarts."""

from collections.abc import Callable
from pathlib import Path

from sim.board.pty_link import HostPort
from sim.clock import Clock, VirtualClock
from sim.modem.modem import Modem
from sim.modem.timers import ClockTimers


class ModemPort:
    """A modem whose port is at `link` while it is on the bus; make it on the running loop.

    With a virtual clock time stands still while either end of the port has not read. A host that
    does not read loses what does not fit, as with a full FIFO.
    """

    def __init__(
        self,
        link: Path,
        kind: str = "ec25",
        seed: int = 1,
        clock: Clock | None = None,
        awaits: Callable[[str], bool | None] = lambda _: None,
    ) -> None:
        timers = None if clock is None else ClockTimers(clock)
        self._port = HostPort(link, self._from_host)
        self._port.awaits = awaits
        self._given = False  # something to the host since time was last held
        self.modem = Modem(self._to_host, kind, seed, self._on_usb, timers)
        if isinstance(clock, VirtualClock):
            clock.join("modem", lambda *_: None, holds=self._holds)

    def close(self) -> None:
        """Unplug it."""
        self.modem.power_off()

    def _on_usb(self, present: bool) -> None:
        if present:
            self._port.attach()
        else:
            self._port.detach()

    def _from_host(self, data: bytes) -> None:
        self.modem.feed(data)

    def _to_host(self, data: bytes) -> None:
        self._given = True
        self._port.write(data)

    def _holds(self) -> bool:
        # a host that was asked before us may have read it just now: all must be asked once more
        given, self._given = self._given, self._port.in_flight()
        return given or self._given
