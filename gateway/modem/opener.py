"""Opens a modem's command port: the one that is named, or those on USB in turn."""

from collections.abc import Callable
from pathlib import Path

from gateway.modem.driver import Port
from gateway.modem.find import candidates
from gateway.serial_port import SerialPort


class Opener:
    """Opens the best port that was not deaf; `device` is the modem's folder in sysfs.

    named: a port that is always the one, None: found by USB id. root: holds `sys` and `dev`.
    """

    def __init__(
        self,
        named: Path | None,
        root: Path = Path("/"),
        opens: Callable[[Path], Port] = SerialPort,
    ) -> None:
        self.device: Path | None = None
        self._named = named
        self._root = root
        self._opens = opens
        self._turn = 0

    def __call__(self) -> Port:
        """Open it; raises OSError if it is not there or another program holds it."""
        found = candidates(self._root)
        if self._named is not None:
            resolved = self._named.resolve()
            mine = [one for one in found if one.node.resolve() == resolved]
            self.device = mine[0].device if mine else self.device
            return self._opens(self._named)
        if not found:
            raise FileNotFoundError("no known modem on USB")
        chosen = found[self._turn % len(found)]
        self.device = chosen.device
        return self._opens(chosen.node)

    def deaf(self) -> None:
        """Take another port next time: the one opened last answers no commands."""
        self._turn += 1
