"""The way of packets over the modem's network interface: bound to it by name, and watched.

socket(7), SO_BINDTODEVICE: the kernel routes such a socket by that interface alone, whatever the
host's routes prefer. Kernel documentation: ABI/testing/sysfs-class-net (operstate, carrier);
proc_net(5) for `route` and `if_inet6`, resolv.conf(5).
"""

import fcntl
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from gateway.findings import Finding

_SIOCGIFADDR = 0x8915
_UP = 0x0001  # RTF_UP, linux/route.h
_REJECT = 0x0200  # RTF_REJECT


@dataclass(frozen=True, slots=True)
class Way:
    """What the kernel says of an interface: there, up, with a route out, names resolvable."""

    there: bool
    up: bool = False
    routed: bool = False
    resolvers: tuple[str, ...] = ()
    received: int = 0
    sent: int = 0


def look(interface: str, root: Path = Path("/")) -> Way:
    """Look at an interface below the folder that holds `sys`, `proc` and `etc`."""
    folder = root / "sys/class/net" / interface
    if not interface or not folder.is_dir():
        return Way(False, resolvers=_resolvers(root))
    # drivers of modems often tell no state: "unknown" is up
    up = _text(folder / "operstate") in ("up", "unknown")
    counts = folder / "statistics"
    return Way(
        True,
        up,
        _routed(interface, root),
        _resolvers(root),
        _number(counts / "rx_bytes"),
        _number(counts / "tx_bytes"),
    )


def judge(interface: str, way: Way) -> Finding:
    """Judge the way out over an interface, in plain words."""
    part = f"interface {interface}"
    if not way.there:
        remedy = (
            "look at `ip link`; [modem] interface must name the modem's, and it must be on USB"
        )
        return Finding(part, False, "is not there", remedy)
    if not way.up:
        remedy = f"`ip link set {interface} up`; a network manager should do that by itself"
        return Finding(part, False, "is there but down", remedy)
    if not way.routed:
        remedy = f"let DHCP run on it: `ip route show dev {interface}` must name a default route"
        return Finding(part, False, "is up, but no route leads out over it", remedy)
    if not way.resolvers:
        remedy = "`cat /etc/resolv.conf`; DHCP should bring a name server"
        return Finding(part, False, "leads out, but there is no name server", remedy)
    used = f"{(way.received + way.sent) / 1e6:.1f} MB since it is there"
    return Finding(part, True, "leads out", detail=used)


def connect(host: str, port: int, within: float, interface: str = "") -> socket.socket:
    """Connect over an interface ("": as the host's routes say); raises OSError."""
    problem: OSError = OSError(f"{host}: no address")
    for family, kind, number, _, address in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        made = socket.socket(family, kind, number)
        try:
            bind(made, interface)
            made.settimeout(within)
            made.connect(address)
        except OSError as error:
            made.close()
            problem = error
        else:
            return made
    raise problem


def bind(made: socket.socket, interface: str) -> None:
    """Bind a socket to an interface; raises OSError if there is none of that name."""
    if interface:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")


def address(interface: str) -> str | None:
    """Return the interface's IPv4 address, None if it has none (netdevice(7), SIOCGIFADDR)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        try:
            told = fcntl.ioctl(asker, _SIOCGIFADDR, struct.pack("16s24x", interface.encode()[:15]))
        except OSError:
            return None
    return socket.inet_ntoa(told[20:24])


def _routed(interface: str, root: Path) -> bool:
    # /proc/net is hidden from a locked-in service, its own process is not
    net = root / "proc/self/net"
    for line in _text(net / "route").splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[0] == interface and fields[1] == fields[7] == "00000000":
            return bool(int(fields[3], 16) & _UP)
    rows = [line.split() for line in _text(net / "ipv6_route").splitlines()]
    return any(
        row[9] == interface
        and (row[0], row[1]) == ("0" * 32, "00")
        and int(row[8], 16) & (_UP | _REJECT) == _UP
        for row in rows
        if len(row) > 9
    )


def _resolvers(root: Path) -> tuple[str, ...]:
    lines = [line.split() for line in _text(root / "etc/resolv.conf").splitlines()]
    return tuple(line[1] for line in lines if len(line) > 1 and line[0] == "nameserver")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int:
    text = _text(path)
    return int(text) if text.isdigit() else 0
