"""SQLite's log, made as long as it will be: a commit then writes over it and moves no file's end.

Where a file grows, fdatasync(2) has to write its metadata too, and costs several times as much.
What is beyond the log's last frame is never taken for one: neither salt nor checksum fits
(https://www.sqlite.org/fileformat2.html#the_write_ahead_log).
"""

import os
from pathlib import Path

SIZE = 2 << 20
"""Bytes: more than is written between two checkpoints."""
_BLOCK = bytes(16_384)


def lengthen(path: Path, size: int = SIZE) -> None:
    """Write zeros from the end of a log that is there up to `size`; raises OSError."""
    end = path.stat().st_size
    if end >= size:
        return
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        # not posix_fallocate(3): the first write to such blocks changes metadata as well
        while end < size:
            end += os.pwrite(fd, _BLOCK[: size - end], end)
        os.fsync(fd)
    finally:
        os.close(fd)
