"""Sizes and fixed values of the protocol."""

PROTOCOL_VERSION = 1
TIME_BASE = 1704067200
"""Unix time of record time 0: 2024-01-01T00:00:00Z. Stays a small int on the RP2040 until 2058."""

MAX_RECORD = 64
"""Bytes of the longest record, tag included."""
MAX_BODY = 1024
"""Bytes of the longest message body on the serial line."""
MAX_WINDOW = 2048
"""Bytes a dispenser may have sent without ACK."""
TAG_SIZE = 8
MAC_SIZE = 16
"""Bytes of a command's MAC."""
FIRST_TAG = bytes(TAG_SIZE)
"""Predecessor tag of seq 0."""
UNKNOWN_DURATION = 0xFFFFFFFF
"""Duration of what had begun before the boot that saw its end: never guessed."""
