"""What the world and a paced process share: one page of memory, and a pipe of grants.

All numbers are int64, little-endian; times are µs since the world began.
"""

import mmap
import struct

SIZE = 4096
AWAKE, SEQ, UNTIL, TAKEN, NOW, TOUCHED, WORLD = range(0, 56, 8)
"""Offsets: whether anything runs; how often it woke; when it next has something to do; grants
taken; the process's own time; how often it used a connection; the world's time."""
GRANT = "<qq"
"""A turn: the time now, and up to when the process may go on by itself unless it was noticed."""
GRANT_SIZE = struct.calcsize(GRANT)
NEVER = 1 << 52
SLOW_COMMIT = "DOSEWIRE_SIM_SLOW_COMMIT"
"""Environment: real seconds by which every COMMIT comes later."""
WATCHED = "DOSEWIRE_SIM_WATCHED"
"""Environment: somebody asks a gateway how it is, so it looks as often as in the field."""
FIELD = "DOSEWIRE_SIM_FIELD"
"""Environment: a gateway looks at everything as often as in the field."""


def get(memory: mmap.mmap, at: int) -> int:
    """Return a number of the page."""
    return int(struct.unpack_from("<q", memory, at)[0])


def put(memory: mmap.mmap, at: int, value: int) -> None:
    """Set a number of the page."""
    struct.pack_into("<q", memory, at, value)
