"""The serial port that a command was given: what is wrong with it, and what to do about that."""

import os
import stat
from pathlib import Path

from serial.tools import list_ports


class PortError(RuntimeError):
    """No board can be reached there; one line that says what to do next."""


def check(port: Path) -> None:
    """Raise PortError unless `port` is a serial port that we may use."""
    try:
        mode = port.stat().st_mode
    except OSError as error:
        raise PortError(f"{port}: {error.strerror}; {_others()}") from error
    if not stat.S_ISCHR(mode):
        raise PortError(f"{port}: not a serial port; {_others()}")
    if not os.access(port, os.R_OK | os.W_OK):
        group = "sudo usermod -aG dialout $USER"
        raise PortError(f"{port}: no permission; `{group}`, then log in again")


def _others() -> str:
    # without a USB id it is a port of the machine itself, or none at all
    found = [port.device for port in list_ports.comports() if port.vid is not None]
    if not found:
        return "no USB serial port is here: plug the board in, with a cable that carries data"
    return f"USB serial ports here: {', '.join(sorted(found))}"
