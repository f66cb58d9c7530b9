"""Which ports are served: fixed ones always, those found on USB while they are there.

Only known USB ids are opened: what else is there (a modem, a meter) is named and left alone.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.counters import Counters
from gateway.dispensers import PortTask
from gateway.usb import UsbPort, serial_ports

_log = logging.getLogger(__name__)
_LOOK_EVERY = 1.0
ROOT = Path("/")


class Hotplug:
    """Starts and ends the tasks of ports; `ports` is always what is served now.

    `make` makes a port's task, `start` lets it run. `root` holds the folders `sys` and `dev`.
    """

    def __init__(
        self,
        fixed: Sequence[Path],
        usb: frozenset[str],
        make: Callable[[Path], PortTask],
        start: Callable[[PortTask], "asyncio.Task[None]"],
        counters: Counters,
        root: Path = ROOT,
    ) -> None:
        self.ports: list[PortTask] = []
        self.strangers: list[UsbPort] = []
        self.beat: Callable[[], None] = lambda: None
        self._fixed = fixed
        self._usb = usb
        self._make = make
        self._start = start
        self._counters = counters
        self._root = root
        self._tasks: dict[Path, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Look for ports until cancelled."""
        for path in self._fixed:
            self._begin(path)
        while True:
            self.beat()
            await self._look()
            await asyncio.sleep(_LOOK_EVERY)

    async def close(self) -> None:
        """End every port's task."""
        for path in list(self._tasks):
            await self._end(path)

    async def _look(self) -> None:
        found = serial_ports(self._root) if self._usb else []
        fixed = {path.resolve() for path in self._fixed}
        ours = [p for p in found if p.usb in self._usb and p.node.resolve() not in fixed]
        self._note_strangers([port for port in found if port.usb not in self._usb])
        present = {port.path for port in ours}
        for path in [path for path in self._tasks if path not in (*self._fixed, *present)]:
            _log.info("port=%s unplugged", path)
            await self._end(path)
        for port in ours:
            if port.path not in self._tasks:
                _log.info("port=%s found: %s", port.path, port)
                self._begin(port.path)

    def _note_strangers(self, strangers: list[UsbPort]) -> None:
        for port in strangers:
            if port not in self.strangers:
                self._counters.add("strangers")
                _log.info("%s is no dispenser, left alone", port)
        self.strangers = strangers

    def _begin(self, path: Path) -> None:
        if path not in self._tasks:
            port = self._make(path)
            self.ports.append(port)
            self._tasks[path] = self._start(port)

    async def _end(self, path: Path) -> None:
        task = self._tasks.pop(path)
        self.ports[:] = [port for port in self.ports if port.path != path]
        task.cancel()
        # not `await task`: a cancellation of our own would look like that of the task
        await asyncio.wait({task})
