"""How many bytes wait in the sockets of another process, by copies of its descriptors.

pidfd_getfd(2) needs what ptrace(2) needs: a process of ours. SIOCINQ, SIOCOUTQ: tcp(7).
"""

import array
import ctypes
import fcntl
import os
import termios
from pathlib import Path

_PIDFD_GETFD = 438
_libc = ctypes.CDLL(None, use_errno=True)


class Sockets:
    """The sockets of one process."""

    def __init__(self, pid: int) -> None:
        """Raises OSError if it is gone."""
        self.pid = pid
        self._folder = f"/proc/{pid}/fd"
        self._pidfd = os.pidfd_open(pid)
        self._copies: dict[str, int] = {}

    def waiting(self) -> frozenset[tuple[str, int]]:
        """Return each socket that holds bytes which its reader has not read, and how many.

        None while it is stopped: it reads nothing until somebody lets it run on.
        """
        if self._state() == "T":
            return frozenset()
        try:
            self._follow()
        except OSError:  # it is about to end
            return frozenset()
        counts = ((name, _bytes(copy)) for name, copy in self._copies.items())
        return frozenset((name, count) for name, count in counts if count)

    def sleeps(self) -> bool:
        """Tell whether it waits for something, or is stopped or gone."""
        return self._state() not in ("R", "D")

    def _state(self) -> str:
        # proc(5): "Z" also for one that is gone
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return "Z"

    def close(self) -> None:
        """Give the copies up."""
        for copy in [*self._copies.values(), self._pidfd]:
            os.close(copy)
        self._copies.clear()

    def _follow(self) -> None:
        found = {}
        for name in os.listdir(self._folder):  # noqa: PTH208
            link = os.readlink(f"{self._folder}/{name}")  # noqa: PTH115
            if link.startswith("socket:"):
                found[link] = int(name)
        for gone in self._copies.keys() - found.keys():
            os.close(self._copies.pop(gone))
        for new in found.keys() - self._copies.keys():
            copy = _libc.syscall(_PIDFD_GETFD, self._pidfd, found[new], 0)
            if copy < 0:
                number = ctypes.get_errno()
                raise OSError(number, f"pidfd_getfd: {os.strerror(number)}")
            self._copies[new] = copy


def _bytes(descriptor: int) -> int:
    count = array.array("i", [0])
    total = 0
    for request in (termios.FIONREAD, termios.TIOCOUTQ):
        try:
            fcntl.ioctl(descriptor, request, count)
        except OSError:  # one that listens
            return 0
        total += count[0]
    return total
