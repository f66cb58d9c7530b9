"""What this host can do for its modem: commands of the configuration, and the kernel's USB reset.

USBDEVFS_RESET: kernel documentation, driver-api/usb/usb "usbfs"; it does not cut the power.
"""

import asyncio
import fcntl
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from gateway.modem.rungs import Rung

_log = logging.getLogger(__name__)
_USBDEVFS_RESET = 0x5514  # _IO('U', 20)
_WITHIN = 60.0


class LinuxHost:
    """Acts by commands (rung -> program and arguments) and, for USB, on the device found.

    device: gives the modem's folder in sysfs, None while it is not there. passes, connected,
    heard, elsewhere: as of gateway.modem.driver.Host.
    """

    def __init__(
        self,
        commands: Mapping[Rung, Sequence[str]],
        device: Callable[[], Path | None],
        passes: Callable[[], Awaitable[bool | None]],
        connected: Callable[[], bool],
        heard: Callable[[], float | None],
        root: Path = Path("/"),
        elsewhere: Callable[[], bool] = lambda: False,
    ) -> None:
        self.connected = connected
        self.heard = heard
        self.elsewhere = elsewhere
        self.passes = passes
        self._commands = commands
        self._device = device
        self._root = root

    @property
    def rungs(self) -> frozenset[Rung]:
        """The rungs that this host has the means for; the others are never asked of it."""
        modem = {Rung.CONTEXT, Rung.NETWORK, Rung.RESET, Rung.USB}
        return frozenset(modem | set(self._commands))

    async def do(self, rung: Rung) -> bool:
        """Step on a rung; return whether that was possible."""
        if rung in self._commands:
            return await self._run(self._commands[rung])
        if rung is Rung.USB:
            return await asyncio.to_thread(self._reset_usb)
        return False

    async def _run(self, argv: Sequence[str]) -> bool:
        try:
            process = await asyncio.create_subprocess_exec(*argv)
        except OSError as error:
            _log.error("%s: %s", argv[0], error.strerror)
            return False
        try:
            async with asyncio.timeout(_WITHIN):
                return await process.wait() == 0
        except TimeoutError:
            process.kill()
            await process.wait()
            _log.error("%s: took longer than %.0f s", argv[0], _WITHIN)
            return False

    def _reset_usb(self) -> bool:
        device = self._device()
        if device is None:
            return False
        try:
            bus, number = (int((device / name).read_text()) for name in ("busnum", "devnum"))
            node = self._root / f"dev/bus/usb/{bus:03}/{number:03}"
            fd = os.open(node, os.O_WRONLY | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            _log.error("USB reset: %s", error)
            return False
        try:
            fcntl.ioctl(fd, _USBDEVFS_RESET, 0)
        except OSError as error:
            _log.error("USB reset: %s", error.strerror)
            return False
        finally:
            os.close(fd)
        return True
