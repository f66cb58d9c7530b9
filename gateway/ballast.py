"""Room kept aside on the spool's file system: given up when it is full, so that deleting works.

A full volume refuses even a DELETE: SQLite's log has to grow for it. While the ballast cannot be
taken back, nothing is added to the spool.
"""

import contextlib
import os
from pathlib import Path

SIZE = 4 << 20
"""Bytes: more than the log holds between two checkpoints."""


class Ballast:
    """A file of `size` bytes whose blocks are allocated (posix_fallocate(3))."""

    def __init__(self, path: Path, size: int = SIZE) -> None:
        self._path = path
        self._size = size

    def hold(self) -> bool:
        """Tell whether it is there; if not, try to allocate it."""
        try:
            if self._path.stat().st_size == self._size:
                return True
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return self._allocate()

    def release(self) -> None:
        """Give the room up."""
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _allocate(self) -> bool:
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, self._size)
            finally:
                os.close(fd)
        except OSError:
            self.release()
            return False
        return True
