"""Bytes of a modem into lines: any mixture of CR, LF and NUL between them, any cut, any glue.

ITU-T V.250 clause 5.7.1: result codes and information text stand between CR LF pairs; modems also
send CR CR LF, LF alone, a leading NUL, or leave the first pair out.
"""

MAX_LINE = 4096
"""Characters; what is longer is no line of a modem and is dropped up to the next line end."""

_KEPT = frozenset(range(0x20, 0x7F)) | frozenset(range(0x80, 0x100)) | {0x09}


class Splitter:
    """Collects bytes until lines are whole."""

    def __init__(self) -> None:
        self.oversized = 0
        self._pending = bytearray()
        self._drop = False

    @property
    def pending(self) -> str:
        """What has come of a line that is not finished."""
        return _text(self._pending)

    def feed(self, data: bytes) -> list[str]:
        """Take bytes; return the lines they finish, without blank ones."""
        lines: list[str] = []
        for byte in data:
            if byte in b"\r\n":
                self._end(lines)
            elif byte in _KEPT and not self._drop:
                self._pending.append(byte)
                self._drop = len(self._pending) > MAX_LINE
        return lines

    def clear(self) -> str:
        """Forget the unfinished line and return it."""
        pending = self.pending
        self._pending.clear()
        self._drop = False
        return pending

    def _end(self, lines: list[str]) -> None:
        if self._drop:
            self.oversized += 1
        elif text := self.pending:
            lines.append(text)
        self.clear()


def _text(raw: bytes | bytearray) -> str:
    return raw.decode("latin-1").strip()
