"""Chained records made by plain means, to test with: not by the code that makes the real ones."""

import hashlib
import hmac
import struct


def tagged(secret: bytes, device: bytes, epoch: int, previous: bytes, untagged: bytes) -> bytes:
    """Return a record with its tag, each key derived anew from the secret."""
    key = hmac.new(secret, b"chain" + device + struct.pack(">I", epoch), "sha256").digest()
    for _ in range(struct.unpack(">I", untagged[:4])[0] >> 8):
        key = hashlib.sha256(b"ratchet" + key).digest()
    key = hashlib.sha256(b"mac" + key).digest()
    return untagged + hmac.new(key, previous + untagged, "sha256").digest()[:8]


def untagged(
    seq: int,
    kind: int,
    data: bytes,
    *,
    boot: int = 1,
    time: int = 90_000_000,
    ms: int = 0,
    quality: int = 2,
) -> bytes:
    """Return the bytes of a record before its tag."""
    head = struct.pack(">IHIHBB", seq, boot, time, quality << 14 | ms, kind, len(data))
    return head + data


def make_chain(secret: bytes, device: bytes, epoch: int, count: int) -> list[bytes]:
    """Return the first records of an epoch: EPOCH, then lid openings a second apart."""
    birth = struct.pack(">IIB8s", epoch, 0, 1, device)
    previous = bytes(8)
    raws = []
    for seq in range(count):
        kind, data = (0x20, b"\0\1") if seq else (0x01, birth)
        body = untagged(seq, kind, data, time=90_000_000 + seq)
        raws.append(tagged(secret, device, epoch, previous, body))
        previous = raws[-1][-8:]
    return raws


def plain_chain(count: int, urgent: tuple[int, ...] = ()) -> list[bytes]:
    """Return linked records without real tags, for tests where nobody verifies: made fast.

    Those at `urgent` are responses of the highest button.
    """
    chain = []
    for seq in range(count):
        kind, data = (0x24, b"\0\1\4\0" + bytes(4)) if seq in urgent else (0x20, b"\0\1")
        head = struct.pack(">IHIHBB", seq, 1, 0, 0, kind, len(data))
        chain.append(head + data + struct.pack(">Q", seq ^ 0x5A5A5A5A))
    return chain


def events_body(epoch: int, previous: bytes, raws: list[bytes]) -> bytes:
    """Return the body of EVENTS for contiguous records."""
    return struct.pack(">I8sB", epoch, previous, len(raws)) + b"".join(raws)
