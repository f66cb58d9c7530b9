"""How a release gets from the backend to a gateway: in pieces that the gateway asks for.

What is sent is the signed manifest and the files in its order, in one zlib stream (RFC 1950). The
gateway names the release by the SHA-256 of the manifest, as RELEASE_BEGIN does, and the first byte
it lacks: so nothing is sent twice, whatever was cut off, and one copy serves all its dispensers.
"""

import hashlib
import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from protocol.schema import ReleaseBegin

SIZE = 16_000
"""Bytes of the stream in one piece, the last may have fewer."""
LARGEST = 400_000
"""Bytes of a release at most, unpacked or not."""
_WANTED = struct.Struct(">32sI")
_PIECE = struct.Struct(">32sII")


class PieceError(ValueError):
    """Bytes that are no question, no piece, or not the release that was announced."""


class Wanted(NamedTuple):
    """Gateway to backend: go on with this release from this byte."""

    manifest: bytes
    offset: int

    def build(self) -> bytes:
        """Return the payload."""
        return _WANTED.pack(*self)

    @classmethod
    def parse(cls, payload: bytes) -> "Wanted":
        """Return what a payload says; raises PieceError."""
        if len(payload) < _WANTED.size:
            raise PieceError(f"wanted: {len(payload)} bytes")
        return cls(*_WANTED.unpack_from(payload))


class Piece(NamedTuple):
    """Backend to gateway: bytes of a release from an offset on; `size` is that of the stream."""

    manifest: bytes
    offset: int
    size: int
    data: bytes

    def build(self) -> bytes:
        """Return the payload."""
        return _PIECE.pack(*self[:3]) + self.data

    @classmethod
    def parse(cls, payload: bytes) -> "Piece":
        """Return what a payload says; raises PieceError."""
        if len(payload) <= _PIECE.size:
            raise PieceError(f"piece: {len(payload)} bytes")
        manifest, offset, size = _PIECE.unpack_from(payload)
        piece = cls(manifest, offset, size, payload[_PIECE.size :])
        if piece.size > LARGEST or piece.offset + len(piece.data) > piece.size:
            raise PieceError(f"piece: bytes beyond {piece.size}, or more than {LARGEST}")
        return piece


def pack(contents: Sequence[bytes]) -> bytes:
    """Return the stream of a release: its signed manifest, then its files in their order."""
    return zlib.compress(b"".join(contents), 9)


def piece(manifest: bytes, stream: bytes, offset: int) -> Piece:
    """Return the piece that answers a question; raises PieceError beyond the end."""
    if not 0 <= offset < len(stream):
        raise PieceError(f"piece: the stream has {len(stream)} bytes, none at {offset}")
    return Piece(manifest, offset, len(stream), stream[offset : offset + SIZE])


def unpack(stream: bytes, command: ReleaseBegin) -> bytes:
    """Return the signed manifest and the files behind each other, not looked into.

    Raises PieceError if it is not what the command announces.
    """
    try:
        raw = zlib.decompressobj().decompress(stream, LARGEST + 1)
    except zlib.error as error:
        raise PieceError(f"release: {error}") from error
    if len(raw) > LARGEST or hashlib.sha256(raw[: command.size]).digest() != command.manifest:
        raise PieceError("release: not the one that RELEASE_BEGIN announces")
    return raw
