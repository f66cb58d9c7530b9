"""Frames survive whatever a serial line does to them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.framing import Deframer, Frame, encode
from protocol.schema import MAX_BODY

FRAMES = st.builds(
    Frame,
    type=st.integers(0, 255),
    body=st.binary(max_size=200),
    ref=st.integers(0, 255),
    from_host=st.booleans(),
    reply=st.booleans(),
    version=st.integers(0, 7),
)


def test_escapes() -> None:
    line = encode(Frame(type=2, body=b"", ref=1))
    assert line[0] == line[-1] == 0x7E
    # head 0x30 (version 1, from host); ref 1 and type 2 are below 0x20 and so escaped
    assert line[1:6] == bytes.fromhex("30 7d21 7d22")


def test_fcs_is_that_of_rfc_1662() -> None:
    """Bit by bit as in RFC 1662, C.3, sent low byte first."""
    content = bytes.fromhex("30 02 03") + b"456789"
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    fcs = (crc ^ 0xFFFFFFFF).to_bytes(4, "little")
    assert encode(Frame(type=3, ref=2, body=b"456789")) == b"~" + _escape(content + fcs) + b"~"


def _escape(content: bytes) -> bytes:
    out = bytearray()
    for byte in content:
        if byte < 0x20 or byte in (0x7D, 0x7E):
            out += bytes((0x7D, byte ^ 0x20))
        else:
            out.append(byte)
    return bytes(out)


@given(FRAMES)
def test_round_trip(frame: Frame) -> None:
    assert Deframer().feed(encode(frame)) == [frame]


@given(FRAMES)
def test_host_frames_hold_no_control_byte(frame: Frame) -> None:
    line = encode(frame)
    assert 0x7E not in line[1:-1]
    if frame.from_host:
        assert min(line) >= 0x20


@given(st.lists(FRAMES, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_any_cut_of_the_stream(frames: list[Frame], rng: random.Random) -> None:
    line = b"".join(encode(f) for f in frames)
    deframer, got, at = Deframer(), [], 0
    while at < len(line):
        step = rng.randint(1, 40)
        got += deframer.feed(line[at : at + step])
        at += step
    assert got == frames


@given(
    st.lists(FRAMES, min_size=3, max_size=6),
    st.lists(st.binary(max_size=60).filter(lambda b: b"\x7e" not in b), min_size=6, max_size=6),
)
def test_text_between_frames(frames: list[Frame], noise: list[bytes]) -> None:
    line = b"".join(n + encode(f) for n, f in zip(noise, frames, strict=False))
    assert Deframer().feed(line) == frames


@given(
    st.lists(FRAMES, min_size=3, max_size=3),
    st.data(),
)
def test_a_damaged_frame_costs_only_itself(frames: list[Frame], data: st.DataObject) -> None:
    lines = [encode(f) for f in frames]
    at = data.draw(st.integers(0, len(lines[1]) - 1))
    flipped = lines[1][at] ^ 1 << data.draw(st.integers(0, 7))
    damaged = lines[1][:at] + bytes((flipped,)) + lines[1][at + 1 :]
    got = Deframer().feed(lines[0] + damaged + lines[2])
    assert got[0] == frames[0]
    assert got[-1] == frames[2]
    # a flip may fall on the second flag only: the neighbours' flags still delimit the frame
    assert got in ([frames[0], frames[2]], frames)


def test_a_megabyte_of_noise_makes_no_frame_and_loses_none() -> None:
    rng = random.Random(20261123)
    good = Frame(type=3, body=b"good", ref=9, from_host=False)
    deframer = Deframer()
    assert deframer.feed(rng.randbytes(1_000_000)) == []
    assert deframer.feed(b"\x7e" + encode(good)) == [good]
    assert deframer.counts["bytes"] > 900_000


def test_an_endless_frame_does_not_grow_the_buffer() -> None:
    deframer = Deframer()
    for _ in range(100):
        deframer.feed(b"\x7e" + b"x" * 10_000)
    assert deframer.counts["long"] >= 99
    assert len(deframer._rest) < 10_000


def test_oversized_bodies_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 1024"):
        encode(Frame(type=3, body=bytes(MAX_BODY + 1)))
    whole = Frame(type=3, body=bytes(MAX_BODY))
    assert Deframer().feed(encode(whole)) == [whole]
