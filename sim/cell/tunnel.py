"""The cell at IP level: two TUN devices, the gateway's in a network namespace of its own.

Needs root and /dev/net/tun (Linux, networking/tuntap). Packets go from one to the other through
this process, which delays, loses, stalls and counts them; every TCP behind them is the kernel's.
The gateway's namespace knows the far end as `localhost`, the name in the broker's certificate
(ip-netns(8): /etc/netns/NAME/hosts); there a relay hands each connection to the broker.
"""

import asyncio
import contextlib
import fcntl
import os
import random
import shutil
import struct
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from sim.cell.conditions import Conditions, Lane
from sim.cell.meter import Meter, Wiretap
from sim.cell.nat import Nat
from sim.cell.packets import read
from sim.cell.relay import Relay

INTERFACE = "wwan0"
_TUNSETIFF = 0x400454CA
_IFF_TUN_NO_PI = 0x1001
_MTU = 1500
_TUN = Path("/dev/net/tun")
_NETNS = Path("/etc/netns")
_NAME = "dosewire-cell"
_AT_ONCE = 64


class CellError(RuntimeError):
    """The cell cannot be made here; one line."""


def possible() -> bool:
    """Tell whether this process may make TUN devices and namespaces."""
    return os.geteuid() == 0 and _TUN.exists() and shutil.which("ip") is not None


class Tunnel:
    """A cell between the gateway's namespace and this one; make it on the running loop."""

    def __init__(self, broker: tuple[str, int], seed: int) -> None:
        self.conditions = Conditions()
        self.meter = Meter("ip")
        self.carries: Callable[[], bool] = lambda: True
        self.interface = INTERFACE
        self.namespace = f"{_NAME}{os.getpid()}"
        self.host, self.port = "localhost", broker[1]
        self.stirs = 0
        self._far = f"up{os.getpid()}"
        # one of 16,000 small networks, so that cells of several processes stay apart
        self._net = f"10.{64 + os.getpid() % 64}.{os.getpid() // 64 % 250}"
        self._address = 2
        self._loop = asyncio.get_running_loop()
        self._relay = Relay(f"{self._net}.1", broker)
        self._tap = Wiretap(self.meter)
        self._nat = Nat(self.conditions)
        dice = random.Random(seed)
        self._lanes = {up: Lane(self.conditions, up, dice) for up in (True, False)}
        self._fds: dict[bool, int] = {}

    def command(self, words: Sequence[str]) -> list[str]:
        """Return the command that runs `words` behind the cell."""
        return ["ip", "netns", "exec", self.namespace, *words]

    def now(self) -> float:
        """Return seconds of the cell's time."""
        return self._loop.time()

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Wait so many seconds of the cell's time."""
        return asyncio.sleep(seconds)

    async def start(self) -> None:
        """Make everything; raises CellError if that is not possible here."""
        if not possible():
            raise CellError("a cell at IP level needs root, /dev/net/tun and the program `ip`")
        try:
            await asyncio.to_thread(self._make)
        except (OSError, subprocess.CalledProcessError) as error:
            await self.stop()
            raise CellError(f"no cell: {error}") from error
        for up, fd in self._fds.items():
            self._loop.add_reader(fd, self._ready, up)
        await self._relay.start()

    async def stop(self) -> None:
        """Take everything away again."""
        await self._relay.stop()
        for fd in self._fds.values():
            self._loop.remove_reader(fd)
            os.close(fd)
        self._fds.clear()
        await asyncio.to_thread(self._unmake)

    async def link(self, up: bool) -> None:
        """Set the gateway's interface up or down, as a modem that restarts does."""
        await asyncio.to_thread(self._inside, "link", "set", INTERFACE, "up" if up else "down")
        if up:
            await asyncio.to_thread(self._route)

    async def change_address(self) -> None:
        """Give the interface another address: what was connected is connected no more."""
        old, new = self._address, 2 + self._address % 250
        self._address = new
        for verb, number in (("del", old), ("add", new)):
            where = f"{self._net}.{number}/24"
            await asyncio.to_thread(self._inside, "addr", verb, where, "dev", INTERFACE)
        await asyncio.to_thread(self._route)

    def forget_connections(self) -> None:
        """Let the network's NAT forget every connection, now."""
        self._nat.forget()

    # ---- devices ----------------------------------------------------------------------------

    def _make(self) -> None:
        _sweep()
        names = _NETNS / self.namespace
        names.mkdir(parents=True, exist_ok=True)
        (names / "hosts").write_text(f"{self._net}.1 localhost\n")
        (names / "resolv.conf").write_text(f"nameserver {self._net}.1\n")
        self._fds[False] = _tun(self._far)
        near = f"{self._far}w"
        self._fds[True] = _tun(near)
        _ip("netns", "add", self.namespace)
        _ip("link", "set", near, "netns", self.namespace, "name", INTERFACE)
        self._inside("link", "set", "lo", "up")
        self._inside("addr", "add", f"{self._net}.{self._address}/24", "dev", INTERFACE)
        self._inside("link", "set", INTERFACE, "up")
        self._route()
        _ip("addr", "add", f"{self._net}.1/24", "dev", self._far)
        _ip("link", "set", self._far, "up")

    def _route(self) -> None:
        self._inside("route", "replace", "default", "via", f"{self._net}.1", "dev", INTERFACE)

    def _inside(self, *words: str) -> None:
        _ip("-n", self.namespace, *words)

    def _unmake(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("netns", "del", self.namespace)
        shutil.rmtree(_NETNS / self.namespace, ignore_errors=True)

    # ---- packets ----------------------------------------------------------------------------

    def _ready(self, up: bool) -> None:
        for _ in range(_AT_ONCE):
            try:
                data = os.read(self._fds[up], _MTU + 100)
            except OSError:
                return
            self._take(data, up)

    def _take(self, data: bytes, up: bool) -> None:
        packet = read(data)
        if packet is None:
            return
        now = self._loop.time()
        if not self.carries() or not self._nat.passes(packet, up, now):
            return
        self._tap.see(packet, up)
        at = self._lanes[up].take(packet.size, now)
        if at is not None:
            self._loop.call_at(at, self._give, data, not up)

    def _give(self, data: bytes, to_gateway: bool) -> None:
        fd = self._fds.get(to_gateway)
        if fd is not None:
            # the link may be down by now
            with contextlib.suppress(OSError):
                os.write(fd, data)


def _tun(name: str) -> int:
    fd = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN_NO_PI))
    except OSError:
        os.close(fd)
        raise
    return fd


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _sweep() -> None:
    """Take away the namespaces of processes that were killed; their devices went with them."""
    for folder in _NETNS.glob(f"{_NAME}*"):
        pid = folder.name.removeprefix(_NAME)
        if pid.isdigit() and not Path("/proc", pid).exists():
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "del", folder.name)
            shutil.rmtree(folder, ignore_errors=True)
