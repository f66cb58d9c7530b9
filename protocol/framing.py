"""Frames on the serial line, RFC 1662 style: `7E | escaped(head ref type body FCS-32) | 7E`.

Host to dispenser escapes every byte below 0x20, so that a frame can never be a REPL command and
a bare 0x03 always means that a tech is here (RFC 1662, 7.1: the default control character map).
"""

import binascii
import dataclasses
import re
from collections import Counter

from protocol.schema import MAX_BODY, PROTOCOL_VERSION

FLAG = 0x7E
ESCAPE = 0x7D
_FLIP = 0x20
_FCS_SIZE = 4
_HEAD_SIZE = 3
_MAX_FRAME = _HEAD_SIZE + MAX_BODY + _FCS_SIZE
_FROM_HOST = 0x10
_REPLY = 0x08
_TO_DEVICE = re.compile(rb"[\x00-\x1f\x7d\x7e]")
_TO_HOST = re.compile(rb"[\x7d\x7e]")
_ESCAPED = re.compile(rb"\x7d(.)", re.DOTALL)


@dataclasses.dataclass(frozen=True, slots=True)
class Frame:
    """One frame, unescaped and checked."""

    type: int
    body: bytes
    ref: int = 0
    from_host: bool = True
    reply: bool = False
    version: int = PROTOCOL_VERSION


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes on the line, flags at both ends.

    Raises ValueError if the body is longer than 1,024 bytes or a field does not fit.
    """
    if len(frame.body) > MAX_BODY:
        raise ValueError(f"frame body of {len(frame.body)} bytes, at most {MAX_BODY}")
    head = frame.version << 5 | _FROM_HOST * frame.from_host | _REPLY * frame.reply
    content = bytes((head, frame.ref, frame.type)) + frame.body
    content += binascii.crc32(content).to_bytes(_FCS_SIZE, "little")
    must_escape = _TO_DEVICE if frame.from_host else _TO_HOST
    escaped = must_escape.sub(lambda m: bytes((ESCAPE, m[0][0] ^ _FLIP)), content)
    return b"\x7e" + escaped + b"\x7e"


class Deframer:
    """Finds frames in a stream of bytes, whatever else is in it.

    `counts` tells what was passed over: `bytes` between frames, `fcs`, `short`, `long` frames.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(bytes=0, fcs=0, short=0, long=0)
        self._rest = bytearray()
        self._too_long = False

    @property
    def damaged(self) -> int:
        """Frames that were passed over."""
        counts = self.counts
        return counts["fcs"] + counts["short"] + counts["long"]

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes from the line, return the good frames that end in them."""
        *ended, rest = data.split(b"\x7e")
        frames = []
        for piece in ended:
            self._add(piece)
            frame = self._finish()
            if frame is not None:
                frames.append(frame)
        self._add(rest)
        return frames

    def _add(self, piece: bytes) -> None:
        self._rest += piece
        if len(self._rest) > 2 * _MAX_FRAME:
            self.counts["bytes"] += len(self._rest)
            self._rest.clear()
            self._too_long = True

    def _finish(self) -> Frame | None:
        escaped = bytes(self._rest)
        self._rest.clear()
        if self._too_long:
            self._too_long = False
            self.counts["long"] += 1
            return None
        if not escaped:
            return None
        frame = self._decode(escaped)
        if frame is None:
            self.counts["bytes"] += len(escaped)
        return frame

    def _decode(self, escaped: bytes) -> Frame | None:
        content = _ESCAPED.sub(lambda m: bytes((m[1][0] ^ _FLIP,)), escaped)
        if len(content) < _HEAD_SIZE + _FCS_SIZE:
            self.counts["short"] += 1
            return None
        if len(content) > _MAX_FRAME:
            self.counts["long"] += 1
            return None
        checked, fcs = content[:-_FCS_SIZE], content[-_FCS_SIZE:]
        if binascii.crc32(checked).to_bytes(_FCS_SIZE, "little") != fcs:
            self.counts["fcs"] += 1
            return None
        head, ref, kind = checked[:_HEAD_SIZE]
        return Frame(
            type=kind,
            body=checked[_HEAD_SIZE:],
            ref=ref,
            from_host=bool(head & _FROM_HOST),
            reply=bool(head & _REPLY),
            version=head >> 5,
        )
