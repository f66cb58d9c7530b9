"""A dispenser at its MicroPython prompt: noticed, left to the tech, then told to start again.

The prompt echoes what is printable and answers nothing; a raw prompt stays silent. Control bytes
of the REPL: https://docs.micropython.org/en/latest/reference/repl.html. To the firmware they are
noise between frames; 0x03, which would stop it, is never sent.
"""

from collections.abc import Callable
from typing import Protocol

ASK = b"\x15\x02"
"""Empty the line, leave the raw mode or show the banner: a prompt answers with `>>> `."""
START = b"\x04"
"""Soft reset at an empty line: boot.py and main.py run."""
SIGN = b">>> "
_KEPT = 512
_LONGEST = 3600.0
_ASK_EVERY = 600.0


class Watch:
    """Looks for a prompt in what comes while a greeting is unanswered."""

    def __init__(self) -> None:
        self._seen = b""
        self._echo = b""

    def sent(self, data: bytes) -> None:
        """Note the greeting: a prompt shows what of it is printable."""
        self._seen = b""
        self._echo = bytes(byte for byte in data if 0x20 <= byte < 0x7F)

    def found(self, data: bytes) -> bool:
        """Tell whether a prompt shows in what came since the greeting."""
        self._seen = (self._seen + data)[-_KEPT:]
        return SIGN in self._seen or bool(self._echo and self._echo in self._seen)


class Line(Protocol):
    """What is needed of an open port."""

    async def read(self, timeout: float) -> bytes:
        """Return what has come."""

    async def write(self, data: bytes, timeout: float) -> None:
        """Write all."""


async def answers(line: Line, now: Callable[[], float], within: float = 1.0) -> bool:
    """Ask for the prompt and tell whether it is there."""
    await line.write(ASK, within)
    seen, end = b"", now() + within
    while now() < end:
        seen = (seen + await line.read(end - now()))[-_KEPT:]
        if SIGN in seen:
            return True
    return False


class Patience:
    """When to ask a silent port, and when to start a dispenser; monotonic seconds.

    `after`: seconds at a prompt with the port held by nobody. Doubles when starting does not
    help, up to an hour.
    """

    def __init__(self, after: float) -> None:
        self._after = after
        self._tries = 0
        self._asked = float("-inf")
        self._free_since = 0.0

    def may_ask(self, now: float) -> bool:
        """Tell whether a silent port may be asked for a prompt; seldom, and it counts as asked."""
        if now - self._asked < _ASK_EVERY:
            return False
        self._asked = now
        return True

    def free(self, now: float) -> None:
        """Begin to wait: a prompt was found, or somebody just worked at it."""
        self._free_since = now

    @property
    def due(self) -> float:
        """When the dispenser is to be started."""
        return self._free_since + min(_LONGEST, self._after * 2.0**self._tries)

    def tried(self) -> None:
        """Note that it was told to start."""
        self._tries = min(self._tries + 1, 30)

    def works(self) -> None:
        """Note that its firmware answers."""
        self._tries = 0
        self._asked = float("-inf")
