"""The dispenser's framing against the host's, both ways, with noise in between."""

import random
from typing import Any

from protocol.framing import Deframer, Frame, encode
from protocol.schema import MAX_BODY

SEED = 21
COUNT = 400


def hexed(data: bytes) -> str:
    return data.hex() or "-"


def bodies(rng: random.Random) -> list[bytes]:
    edge = [b"", b"\x7d\x7e" * 512, bytes(MAX_BODY), b"\x03\x04\x01", b"}", b"~"]
    return edge + [rng.randbytes(rng.randrange(200)) for _ in range(COUNT)]


def test_device_to_host(interpreter: Any) -> None:
    rng = random.Random(SEED)
    cases = [(rng.randrange(256), rng.randrange(256), body) for body in bodies(rng)]
    given = "".join(f"encode {kind} {ref} {hexed(body)}\n" for kind, ref, body in cases)
    deframer = Deframer()
    stream = bytearray()
    for line in interpreter.run("mp_frames.py", given=given).split():
        stream += rng.randbytes(rng.randrange(5)).replace(b"~", b"!") + bytes.fromhex(line)
    frames = deframer.feed(bytes(stream))
    got = [(frame.type, frame.ref, frame.body) for frame in frames]
    assert got == cases, f"seed {SEED}"
    assert all(frame.reply and not frame.from_host for frame in frames)


def test_host_to_device_in_pieces_with_noise(interpreter: Any) -> None:
    rng = random.Random(SEED + 1)
    expected = []
    stream = bytearray()
    for body in bodies(rng):
        version, ref, kind = rng.randrange(8), rng.randrange(256), rng.randrange(256)
        whole = encode(Frame(kind, body, ref=ref, version=version))
        stream += damaged(rng, whole)
        stream += whole
        expected.append(f"{version},{ref},{kind},{hexed(body)}")
    pieces = []
    while stream:
        size = rng.choice((1, 2, 7, 64, 500))
        pieces.append(f"feed {stream[:size].hex()}\n")
        del stream[:size]
    out = interpreter.run("mp_frames.py", given="".join(pieces))
    assert [word for word in out.split() if word != "-"] == expected, f"seed {SEED + 1}"


def damaged(rng: random.Random, whole: bytes) -> bytes:
    """Return noise that ends in a flag: text of a prompt, cut or altered frames, too much."""
    choice = rng.randrange(5)
    if choice == 0:
        return b""
    if choice == 1:
        return b"\r\n>>> print(1)\r\n~"
    if choice == 2:
        return whole[: rng.randrange(len(whole) - 1)] + b"~"
    if choice == 3:
        at = rng.randrange(1, len(whole) - 1)
        return whole[:at] + bytes((whole[at] ^ 0x81,)) + whole[at + 1 :] + b"~"
    return rng.randbytes(2500) + b"~"
