"""The serial ports at hand: which are boards, what is wrong with one, and what to do about it."""

import errno
import fcntl
import os
import stat
from pathlib import Path

from serial.tools import list_ports

from tools.exits import Exit, ToolError

RASPBERRY_PI = 0x2E8A
"""USB vendor; Raspberry Pi, "USB product IDs" (github.com/raspberrypi/usb-pid)."""
MICROPYTHON = 0x0005
_GATEWAY = "a gateway? `sudo systemctl stop dosewire-gateway`"


class PortError(ToolError):
    """No board can be reached there; one line that says what to do next."""


def boards() -> list[Path]:
    """Return the ports of boards that run MicroPython, by USB vendor and product."""
    wanted = (RASPBERRY_PI, MICROPYTHON)
    found = [port.device for port in list_ports.comports() if (port.vid, port.pid) == wanted]
    return [Path(device) for device in sorted(found)]


def chosen(named: list[Path], *, everyone: bool) -> list[Path]:
    """Return the ports to work on: those named, all boards, or the only one; raises PortError."""
    if named:
        return list(dict.fromkeys(named))
    found = boards()
    if not found:
        raise PortError(f"no board found: {_others()}", Exit.NO_DEVICE)
    if len(found) > 1 and not everyone:
        here = ", ".join(map(str, found))
        raise PortError(
            f"{len(found)} boards are here: name one with --port, or all with --all: {here}",
            Exit.SEVERAL_DEVICES,
        )
    return found


def check(port: Path) -> None:
    """Raise PortError unless `port` is a serial port that we may use."""
    try:
        mode = port.stat().st_mode
    except OSError as error:
        raise PortError(f"{port}: {error.strerror}; {_others()}", Exit.NO_DEVICE) from error
    if not stat.S_ISCHR(mode):
        raise PortError(f"{port}: not a serial port; {_others()}", Exit.NO_DEVICE)
    if not os.access(port, os.R_OK | os.W_OK):
        group = "sudo usermod -aG dialout $USER"
        told = f"no permission; `{group}`, then log in again"
        raise PortError(f"{port}: {told}", Exit.NO_PERMISSION)


def busy(port: Path) -> PortError:
    """Return what to say of a port that another program holds."""
    return PortError(f"{port}: another program holds it ({_GATEWAY}); then again", Exit.BUSY)


def refuse_busy(port: Path) -> None:
    """Raise PortError if another program holds the port: by flock(2), as pyserial and we do."""
    try:
        handle = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.EBUSY:  # TIOCEXCL
            raise busy(port) from error
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise busy(port) from error
    finally:
        os.close(handle)


def _others() -> str:
    # without a USB id it is a port of the machine itself, or none at all
    found = [port.device for port in list_ports.comports() if port.vid is not None]
    if not found:
        return "no USB serial port is here: plug the board in, with a cable that carries data"
    return f"USB serial ports here: {', '.join(sorted(found))}"
