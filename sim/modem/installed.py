"""A modem beside a gateway: its port, its table in the configuration, and what cuts its power."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from sim.clock import Clock
from sim.modem.modem import Modem
from sim.modem.pty import ModemPort

APN = "iot.example"
_OFF_S = 5.0
_ASK = 'echo > "$0/cut"; read -r _ < "$0/done"'


class Installed:
    """Its port is in `folder`, as are the pipes by which a gateway's program cuts its power."""

    def __init__(
        self, folder: Path, seed: int, clock: Clock, awaits: Callable[[str], bool | None]
    ) -> None:
        """`awaits` as of `HostPort`."""
        folder.mkdir()
        self._folder = folder
        self._clock = clock
        self._port = ModemPort(folder / "port", seed=seed, clock=clock, awaits=awaits)
        self._pipes: dict[str, int] = {}
        self.cuts = 0

    @property
    def modem(self) -> Modem:
        """The modem itself, with its card, its network and its faults."""
        return self._port.modem

    @property
    def table(self) -> Mapping[str, str | list[str]]:
        """`[modem]` of the gateway's configuration."""
        power = ["/bin/sh", "-c", _ASK, str(self._folder)]
        return {"apn": APN, "port": str(self._folder / "port"), "power": power}

    def start(self) -> None:
        """Give it power."""
        for name in ("cut", "done"):
            os.mkfifo(self._folder / name)
            self._pipes[name] = os.open(self._folder / name, os.O_RDWR | os.O_NONBLOCK)
        asyncio.get_running_loop().add_reader(self._pipes["cut"], self._cut)
        self.modem.power_on()

    def close(self) -> None:
        """Unplug it."""
        self._port.close()
        if self._pipes:
            asyncio.get_running_loop().remove_reader(self._pipes["cut"])
        for pipe in self._pipes.values():
            os.close(pipe)
        self._pipes.clear()

    def _cut(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._pipes["cut"], 100)
        self.cuts += 1
        self.modem.power_off()
        self._clock.call_later(_OFF_S, self._on)
        os.write(self._pipes["done"], b"\n")

    def _on(self) -> None:
        if self._pipes:
            self.modem.power_on()
