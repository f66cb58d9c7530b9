"""The simulated modem's USB port: a terminal behind a link, gone while the modem restarts."""

import asyncio
import contextlib
import os
import tty
from pathlib import Path

from sim.modem.modem import Modem

_READ = 4096


class ModemPort:
    """A modem whose port is at `link` while it is on the bus; make it on the running loop."""

    def __init__(self, link: Path, kind: str = "ec25", seed: int = 1) -> None:
        self.modem = Modem(self._to_host, kind, seed, self._on_usb)
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._fds: tuple[int, int] | None = None

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
