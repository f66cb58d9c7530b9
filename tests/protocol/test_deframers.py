"""The dispenser's deframer against the host's, on the same damaged stream."""

import binascii
import random
from pathlib import Path

import pytest

from protocol.framing import Deframer, Frame, encode
from tests.support import micropython

HERE = Path(__file__).parent
SEED = 77
FRAMES = 10_000


def _mutated(rng: random.Random, line: bytes) -> bytes:
    out = bytearray(line)
    at = rng.randrange(len(out))
    what = rng.randrange(6)
    if what == 0:
        out[at] ^= 1 << rng.randrange(8)
    elif what == 1:
        del out[at:]
    elif what == 2:
        del out[at : at + rng.randint(1, 5)]
    elif what == 3:
        out[at:at] = rng.randbytes(rng.randint(1, 30))
    elif what == 4:
        out[at:at] = b"Traceback (most recent call last):\r\n>>> "
    else:
        out[at : at + 20] = rng.randbytes(20)
    return bytes(out)


@pytest.mark.slow
def test_both_find_the_same_frames(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    stream = bytearray()
    whole = []
    for n in range(FRAMES):
        size = 1024 if n % 500 == 0 else rng.randint(0, 40)
        frame = Frame(rng.randrange(256), rng.randbytes(size), rng.randrange(256))
        line = encode(frame)
        damaged = rng.random() < 0.5
        stream += _mutated(rng, line) if damaged else line
        if not damaged:
            whole.append(frame)
        if n == FRAMES // 2:
            stream += rng.randbytes(1_000_000) + b"~"
    file = tmp_path / "stream"
    file.write_bytes(stream)
    # a flip of the bit that says who speaks is refused by the checksum like any other
    host = [f for f in Deframer().feed(bytes(stream)) if f.from_host]
    device = [
        tuple(map(int, line.split()))
        for line in micropython.run(HERE / "mp_deframe.py", str(file)).splitlines()
    ]
    assert device == [(f.version, f.ref, f.type, binascii.crc32(f.body)) for f in host]
    found = iter(host)
    assert all(frame in found for frame in whole), f"seed {SEED}: a good frame was lost"
    # what a mutation leaves whole (a flag doubled, say) may be found besides, nothing else
    assert len(host) <= len(whole) + FRAMES // 20
