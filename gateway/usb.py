"""Serial ports on USB, as the kernel names them in sysfs: found without opening any.

Kernel documentation, ABI/stable/sysfs-bus-usb: idVendor, idProduct, serial, product.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class UsbPort:
    """A serial port: `path` is the stable link if there is one, `node` what it leads to now."""

    path: Path
    node: Path
    usb: str
    serial: str
    product: str

    def __str__(self) -> str:
        return f"{self.node} usb={self.usb} {self.product}".rstrip()


def serial_ports(root: Path) -> list[UsbPort]:
    """Return the serial ports on USB below the folder that holds `sys` and `dev`."""
    try:
        names = sorted(entry.name for entry in (root / "sys/class/tty").iterdir())
    except OSError:
        return []
    # what the kernel names its USB serial drivers' ports, all others are no USB
    names = [name for name in names if name.startswith(("ttyACM", "ttyUSB"))]
    links = _links(root) if names else {}
    found = (_port(root, name, links) for name in names)
    return [port for port in found if port is not None]


def _port(root: Path, name: str, links: dict[str, Path]) -> UsbPort | None:
    node = root / "dev" / name
    try:
        device = (root / "sys/class/tty" / name / "device").resolve(strict=True)
    except OSError:
        return None
    for folder in (device, *device.parents):
        vendor = _read(folder / "idVendor")
        if vendor:
            product, text = _read(folder / "idProduct"), _read(folder / "product")
            path = links.get(str(node.resolve()), node)
            return UsbPort(path, node, f"{vendor}:{product}", _read(folder / "serial"), text)
    return None


def _links(root: Path) -> dict[str, Path]:
    # udev makes them; two devices of one serial number share a link, which leads to one of them
    try:
        links = sorted((root / "dev/serial/by-id").iterdir(), reverse=True)
    except OSError:
        return {}
    return {str(link.resolve()): link for link in links}


def _read(path: Path) -> str:
    # a device tells of itself what it wants: printable, and not for ever
    try:
        text = path.read_text(encoding="utf-8", errors="replace")[:64]
    except OSError:
        return ""
    return "".join(c if c.isprintable() else "?" for c in text.strip())
