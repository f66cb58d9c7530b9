"""Whether packets come back from beyond the modem: asked of the broker's host, then of witnesses.

A TCP connection that is refused came back too (RFC 9293, 3.5.2). Only asked while the broker is
silent, and an answer holds for minutes: each asking is three packets of 40 to 60 bytes.
"""

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

from gateway.modem.path import bind

_WITHIN = 8.0
_HOLDS = 300.0
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: no packets for a goodbye

Address = tuple[int, Any]
"""Family, and what `connect` wants."""


class Probe:
    """Asks hosts (name and port), best first, over an interface; `now`: monotonic seconds."""

    def __init__(
        self, hosts: Sequence[tuple[str, int]], interface: str, now: Callable[[], float]
    ) -> None:
        self.names_resolve = True
        self._hosts = hosts
        self._interface = interface
        self._now = now
        self._known: dict[tuple[str, int], list[Address]] = {}
        self._good_at = float("-inf")

    async def passes(self) -> bool:
        """Tell whether one of them answered, now or within five minutes."""
        if self._now() - self._good_at < _HOLDS:
            return True
        for host in self._hosts:
            for address in await self._addresses(host):
                if await self._answers(address):
                    self._good_at = self._now()
                    return True
        return False

    def doubt(self) -> None:
        """Ask anew next time: something has changed."""
        self._good_at = float("-inf")

    async def _addresses(self, host: tuple[str, int]) -> list[Address]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_WITHIN):
                found = await loop.getaddrinfo(*host, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError):
            self.names_resolve = False
        else:
            self.names_resolve = True
            self._known[host] = [(int(family), address) for family, *_, address in found]
        # names that are not resolved any more may still have been
        return self._known.get(host, [])

    async def _answers(self, address: Address) -> bool:
        loop = asyncio.get_running_loop()
        with socket.socket(address[0], socket.SOCK_STREAM) as made:
            made.setblocking(False)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            try:
                bind(made, self._interface)
                async with asyncio.timeout(_WITHIN):
                    await loop.sock_connect(made, address[1])
            except TimeoutError:
                return False
            except OSError as error:
                return error.errno == errno.ECONNREFUSED
            finally:
                with contextlib.suppress(OSError):
                    loop.remove_writer(made.fileno())
        return True
