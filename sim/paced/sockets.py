"""What waits in the sockets of another process, by copies of its descriptors.

pidfd_getfd(2) needs what ptrace(2) needs: a process of ours. SIOCOUTQ: tcp(7).
"""

import array
import contextlib
import ctypes
import errno
import fcntl
import os
import select
import socket
import termios
from collections.abc import Container, Iterator

_PIDFD_GETFD = 438
_libc = ctypes.CDLL(None, use_errno=True)

Address = tuple[object, ...]


class Sockets:
    """The sockets of one process."""

    def __init__(self, pid: int) -> None:
        """Raises OSError if it is gone."""
        self.pid = pid
        self._folder = f"/proc/{pid}/fd"
        self._pidfd = os.pidfd_open(pid)
        self._copies: dict[str, socket.socket] = {}

    def unread(self) -> Iterator[str]:
        """Give the sockets with bytes, a connection or an end that it has not taken."""
        self._follow()
        poll = select.poll()
        for copy in self._copies.values():
            poll.register(copy, select.POLLIN | select.POLLRDHUP)
        named = {copy.fileno(): name for name, copy in self._copies.items()}
        for descriptor, event in poll.poll(0):
            # one that was never connected hangs up, too
            if event & (select.POLLIN | select.POLLRDHUP):
                yield named[descriptor]

    def unsent(self, deaf: Container[Address]) -> Iterator[str]:
        """Give the sockets with bytes that are not at the other end yet, unless that is `deaf`."""
        for name, copy in self._copies.items():
            if _unsent(copy) and _peer(copy) not in deaf:
                yield name

    def addresses(self) -> set[Address]:
        """Return its own ends of TCP connections."""
        self._follow()
        ends = (copy for copy in self._copies.values() if copy.family == socket.AF_INET)
        return {end.getsockname() for end in ends}

    def close(self) -> None:
        """Give the copies up."""
        for copy in self._copies.values():
            copy.close()
        self._copies.clear()
        os.close(self._pidfd)

    def _follow(self) -> None:
        # it may be about to end: then it has no sockets
        found: dict[str, int] = {}
        with contextlib.suppress(OSError):
            found = dict(self._find())
        for gone in self._copies.keys() - found.keys():
            self._copies.pop(gone).close()
        for new in sorted(found.keys() - self._copies.keys()):
            copy = _libc.syscall(_PIDFD_GETFD, self._pidfd, found[new], 0)
            if copy >= 0:
                self._copies[new] = socket.socket(fileno=copy)
            elif (number := ctypes.get_errno()) not in (errno.EBADF, errno.ESRCH):
                raise OSError(number, f"pidfd_getfd: {os.strerror(number)}")

    def _find(self) -> Iterator[tuple[str, int]]:
        for name in os.listdir(self._folder):  # noqa: PTH208
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                link = os.readlink(f"{self._folder}/{name}")  # noqa: PTH115
                if link.startswith("socket:"):
                    yield link, int(name)


def _unsent(copy: socket.socket) -> bool:
    count = array.array("i", [0])
    try:
        fcntl.ioctl(copy, termios.TIOCOUTQ, count)
    except OSError:  # one that listens
        return False
    return count[0] > 0


def _peer(copy: socket.socket) -> Address | None:
    try:
        address = copy.getpeername()
    except OSError:
        return None
    return address if isinstance(address, tuple) else None
