"""The chain, against an HMAC written out by hand and against every kind of forgery."""

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import chain, schema, wire
from tests.support.chains import make_chain

SECRET = bytes(range(32))
DEVICE = bytes.fromhex("00112233445566ff")
EPOCH = 0x01020304


def hmac_by_hand(key: bytes, message: bytes) -> bytes:
    """RFC 2104, section 2."""
    block = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + message).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).digest()


def test_keys_and_tag_by_hand() -> None:
    r0 = hmac_by_hand(SECRET, b"chain" + DEVICE + bytes.fromhex("01020304"))
    r1 = hashlib.sha256(b"ratchet" + r0).digest()
    m1 = hashlib.sha256(b"mac" + r1).digest()
    root = chain.root_key(SECRET, DEVICE, EPOCH)
    assert root == r0
    keys = chain.BlockKeys(root)
    assert keys[1] == m1
    untagged = (256).to_bytes(4, "big") + b"anything"
    tag = hmac_by_hand(m1, b"previous" + untagged)[:8]
    assert chain.tag(m1, b"previous", untagged) == tag
    assert chain.verifies(keys, b"previous", untagged + tag)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=30))
def test_keys_do_not_depend_on_the_order_asked(blocks: list[int]) -> None:
    root = chain.root_key(SECRET, DEVICE, EPOCH)
    keys = chain.BlockKeys(root)
    for block in blocks:
        assert keys[block] == chain.BlockKeys(root)[block]


def test_any_slice_verifies_alone() -> None:
    raws = make_chain(SECRET, DEVICE, EPOCH, 600)
    rng = random.Random(7)
    for start in [0, 1, 255, 256, 257, 511, 512, *rng.sample(range(600), 50)]:
        keys = chain.BlockKeys(chain.root_key(SECRET, DEVICE, EPOCH))
        previous = wire.tag_of(raws[start - 1]) if start else schema.FIRST_TAG
        for raw in raws[start : start + 5]:
            assert chain.verifies(keys, previous, raw)
            previous = wire.tag_of(raw)


@pytest.mark.parametrize(
    ("device", "epoch"),
    [(b"\1" + DEVICE[1:], EPOCH), (DEVICE, EPOCH + 1)],
    ids=["device", "epoch"],
)
def test_relabelled_records_do_not_verify(device: bytes, epoch: int) -> None:
    keys = chain.BlockKeys(chain.root_key(SECRET, device, epoch))
    previous = schema.FIRST_TAG
    for raw in make_chain(SECRET, DEVICE, EPOCH, 300):
        assert not chain.verifies(keys, previous, raw)
        previous = wire.tag_of(raw)


def test_every_flipped_bit_is_seen() -> None:
    raw = make_chain(SECRET, DEVICE, EPOCH, 2)[1]
    previous = wire.tag_of(make_chain(SECRET, DEVICE, EPOCH, 1)[0])
    keys = chain.BlockKeys(chain.root_key(SECRET, DEVICE, EPOCH))
    assert chain.verifies(keys, previous, raw)
    for bit in range(8 * len(raw)):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not chain.verifies(keys, previous, bytes(flipped)), f"bit {bit}"


def test_the_key_of_one_block_is_not_that_of_another() -> None:
    keys = chain.BlockKeys(chain.root_key(SECRET, DEVICE, EPOCH))
    assert len({keys[i] for i in range(100)}) == 100


def test_a_claimed_seq_far_ahead_costs_nothing() -> None:
    """Deriving the key of seq 0xFFFFFFFF would take 16 million hashes a forged record."""
    keys = chain.BlockKeys(chain.root_key(SECRET, DEVICE, EPOCH))
    raw = b"\xff\xff\xff\xff" + make_chain(SECRET, DEVICE, EPOCH, 1)[0][4:]
    assert not chain.verifies(keys, schema.FIRST_TAG, raw)
    assert keys._newest[0] == 0


def test_a_disclosed_key_verifies_its_own_block_only() -> None:
    """An auditor is given M(1): it says nothing of the blocks beside it."""
    raws = make_chain(SECRET, DEVICE, EPOCH, 768)
    m1 = chain.BlockKeys(chain.root_key(SECRET, DEVICE, EPOCH))[1]
    for seq in range(1, 768):
        expected = chain.tag(m1, wire.tag_of(raws[seq - 1]), raws[seq][:-8])
        assert (expected == wire.tag_of(raws[seq])) == (256 <= seq < 512)


@pytest.mark.parametrize("how", ["swapped", "removed", "doubled", "truncated"])
def test_what_breaks_the_order_is_seen(how: str) -> None:
    raws = make_chain(SECRET, DEVICE, EPOCH, 10)
    broken = {
        "swapped": [*raws[:4], raws[5], raws[4], *raws[6:]],
        "removed": [*raws[:4], *raws[5:]],
        "doubled": [*raws[:5], raws[4], *raws[5:]],
        "truncated": [*raws[:4], raws[4][:-9] + raws[4][-8:], *raws[5:]],
    }[how]
    keys = chain.BlockKeys(chain.root_key(SECRET, DEVICE, EPOCH))
    previous = [schema.FIRST_TAG, *map(wire.tag_of, broken)]
    good = [chain.verifies(keys, tag, raw) for tag, raw in zip(previous, broken, strict=False)]
    assert good[:4] == [True] * 4
    assert False in good[4:7]
