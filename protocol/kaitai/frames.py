"""Finds frames on the serial line without `protocol.framing` (RFC 1662, section 4 and C.3)."""

from collections.abc import Iterator

_FLAG = 0x7E
_CONTROL_ESCAPE = 0x7D
_SHORTEST = 7
_LONGEST = 1031
_GOOD_FCS = 0xDEBB20E3
"""What the FCS-32 over a frame and its own FCS comes to (RFC 1662, C.3)."""


def _shifted(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ 0xEDB88320 if value & 1 else value >> 1
    return value


_TABLE = [_shifted(byte) for byte in range(256)]


def fcs32(data: bytes) -> int:
    """Return the FCS-32 register after `data`, not complemented."""
    fcs = 0xFFFFFFFF
    for byte in data:
        fcs = (fcs >> 8) ^ _TABLE[(fcs ^ byte) & 0xFF]
    return fcs


def frames(line: bytes) -> Iterator[bytes]:
    """Yield every good frame in `line`: unescaped, its FCS at the end, as `Dosewire` reads it."""
    for piece in line.split(bytes((_FLAG,)))[1:-1]:
        frame = _unescaped(piece)
        if _SHORTEST <= len(frame) <= _LONGEST and fcs32(frame) == _GOOD_FCS:
            yield frame


def _unescaped(piece: bytes) -> bytes:
    out = bytearray()
    flip = 0
    for byte in piece:
        if byte == _CONTROL_ESCAPE and not flip:
            flip = 0x20
        else:
            out.append(byte ^ flip)
            flip = 0
    return bytes(out)
