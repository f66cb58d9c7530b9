"""The simulated modem's USB port: a terminal behind a link, gone while the modem restarts."""

import array
import asyncio
import contextlib
import fcntl
import os
import termios
import tty
from pathlib import Path

from sim.clock import Clock, VirtualClock
from sim.modem.modem import Modem
from sim.modem.timers import ClockTimers, Patience

_READ = 4096


class ModemPort:
    """A modem whose port is at `link` while it is on the bus; make it on the running loop.

    With a virtual clock time stands still while either end of the port has not read.
    """

    def __init__(
        self, link: Path, kind: str = "ec25", seed: int = 1, clock: Clock | None = None
    ) -> None:
        timers = None if clock is None else ClockTimers(clock)
        self.modem = Modem(self._to_host, kind, seed, self._on_usb, timers)
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._fds: tuple[int, int] | None = None
        self._patience = Patience()
        if isinstance(clock, VirtualClock):
            clock.join("modem", lambda *_: None, holds=self._holds)

    def close(self) -> None:
        """Unplug it."""
        self.modem.power_off()

    def _on_usb(self, present: bool) -> None:
        if present:
            self._appear()
        else:
            self._vanish()

    def _appear(self) -> None:
        # the slave stays open here too: a master without one cannot be waited for
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._fds = master, slave
        self._link.symlink_to(os.ttyname(slave))
        self._loop.add_reader(master, self._from_host, master)

    def _vanish(self) -> None:
        fds, self._fds = self._fds, None
        self._link.unlink(missing_ok=True)
        if fds is not None:
            self._loop.remove_reader(fds[0])
            for fd in fds:
                os.close(fd)

    def _from_host(self, master: int) -> None:
        with contextlib.suppress(OSError):
            self.modem.feed(os.read(master, _READ))

    def _to_host(self, data: bytes) -> None:
        # a host that does not read loses what does not fit, as with a full FIFO
        if self._fds is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._fds[0], data)

    def _holds(self) -> bool:
        if self._fds is None:
            return False
        from_host, to_host = map(_waiting, self._fds)
        return from_host > 0 or self._patience.holds(to_host)


def _waiting(fd: int) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]
