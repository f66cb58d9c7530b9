"""A folder that looks like `/`: sysfs and /dev with serial ports on USB, leading to PTYs."""

from pathlib import Path

PICO = ("2e8a", "0005", "Board in FS mode")
MODEM = ("2c7c", "0125", "EC25-E")


class FakeUsb:
    """Plugs devices in and out as kernel and udev would."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("sys/class/tty", "sys/devices", "dev/serial/by-id"):
            (root / folder).mkdir(parents=True)

    def plug(
        self,
        node: str,
        leads_to: Path,
        kind: tuple[str, str, str] = PICO,
        serial: str = "e66141",
        by_id: bool = True,
    ) -> Path:
        """Make a port `node` appear; returns the path by which it should be opened."""
        vendor, product, name = kind
        device = self.root / "sys/devices" / f"usb-{node}"
        interface = device / "1-1:1.0" / "tty" / node
        interface.mkdir(parents=True)
        for file, text in (
            ("idVendor", vendor),
            ("idProduct", product),
            ("serial", serial),
            ("product", name),
        ):
            (device / file).write_text(f"{text}\n")
        (interface / "device").symlink_to(device / "1-1:1.0")
        (self.root / "dev" / node).symlink_to(leads_to)
        (self.root / "sys/class/tty" / node).symlink_to(interface)
        if not by_id:
            return self.root / "dev" / node
        link = self.root / "dev/serial/by-id" / f"usb-{name[:16].replace(' ', '_')}_{serial}-if00"
        link.symlink_to(Path("../..") / node)
        return link

    def unplug(self, node: str) -> None:
        """Make it vanish."""
        path = self.root / "dev" / node
        for link in (self.root / "dev/serial/by-id").iterdir():
            if link.readlink() == Path("../..") / node:
                link.unlink()
        (self.root / "sys/class/tty" / node).unlink()
        path.unlink()
        device = self.root / "sys/devices" / f"usb-{node}"
        (device / "idVendor").unlink()
        device.rename(device.with_name(f"gone-{device.name}-{device.stat().st_ino}"))
