"""A modem's command port among the USB serial ports, by vendor:product and interface number.

The number of a ttyUSBn means nothing: it changes with every restart. Kernel documentation,
ABI/stable/sysfs-bus-usb: idVendor, idProduct, bInterfaceNumber.
"""

from dataclasses import dataclass
from pathlib import Path

from gateway.modem.profiles import Profile, by_usb


@dataclass(frozen=True, slots=True)
class Candidate:
    """A port that should take AT commands; `device` is the folder of its USB device."""

    node: Path
    device: Path
    usb: str
    interface: int
    profile: Profile


def candidates(root: Path) -> list[Candidate]:
    """Return the command ports of known modems, best first; `root` holds `sys` and `dev`."""
    try:
        names = sorted(entry.name for entry in (root / "sys/class/tty").iterdir())
    except OSError:
        return []
    found = [_candidate(root, name) for name in names if name.startswith(("ttyUSB", "ttyACM"))]
    known = [one for one in found if one is not None]
    return sorted(known, key=lambda one: (str(one.device), _rank(one)))


def _rank(one: Candidate) -> int:
    return one.profile.usb[one.usb].index(one.interface)


def _candidate(root: Path, name: str) -> Candidate | None:
    try:
        folder = (root / "sys/class/tty" / name / "device").resolve(strict=True)
    except OSError:
        return None
    interface: int | None = None
    for part in (folder, *folder.parents):
        if interface is None:
            interface = _hex(part / "bInterfaceNumber")
        if (part / "idVendor").is_file():
            return _known(root / "dev" / name, part, interface)
    return None


def _known(node: Path, device: Path, interface: int | None) -> Candidate | None:
    usb = f"{_text(device / 'idVendor')}:{_text(device / 'idProduct')}"
    profile = by_usb(usb)
    if profile is None or interface not in profile.usb[usb]:
        return None
    return Candidate(node, device, usb, interface, profile)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip().lower()[:8]
    except OSError:
        return ""


def _hex(path: Path) -> int | None:
    try:
        return int(_text(path), 16)
    except ValueError:
        return None
