"""Manifests: signed bytes, and every way to tamper with them."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from protocol.manifest import File, Manifest, ManifestError, sign, verify

# RFC 8032, 7.1, test 1
KEY = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
)
MANIFEST = Manifest(
    version=(0, 1, 0),
    boards=["pico"],
    micropython="1.26",
    protocol=1,
    files=[File("dispenser/b.mpy", 2, "bb" * 32), File("dispenser/a.mpy", 1, "aa" * 32)],
)


def test_canonical_bytes_by_hand() -> None:
    assert MANIFEST.encode() == (
        b'{"version":[0,1,0],"boards":["pico"],"micropython":"1.26","protocol":1,"files":['
        b'{"path":"dispenser/a.mpy","size":1,"sha256":"' + b"aa" * 32 + b'"},'
        b'{"path":"dispenser/b.mpy","size":2,"sha256":"' + b"bb" * 32 + b'"}]}'
    )


def test_signed_and_verified() -> None:
    assert verify(sign(MANIFEST, KEY), KEY.public_key()).version == (0, 1, 0)


def test_signing_is_reproducible() -> None:
    assert sign(MANIFEST, KEY) == sign(MANIFEST, KEY)


def test_another_key_is_refused() -> None:
    with pytest.raises(ManifestError, match="signature"):
        verify(sign(MANIFEST, Ed25519PrivateKey.generate()), KEY.public_key())


@given(st.data())
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    signed = json.loads(sign(MANIFEST, KEY))
    at = data.draw(st.integers(0, len(signed["manifest"]) - 1))
    old = signed["manifest"][at]
    new = data.draw(st.characters(codec="ascii").filter(lambda c: c != old))
    signed["manifest"] = signed["manifest"][:at] + new + signed["manifest"][at + 1 :]
    with pytest.raises(ManifestError):
        verify(json.dumps(signed).encode(), KEY.public_key())


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"\xff", b'{"manifest":"x","signature":"zz"}']
)
def test_garbage_is_one_clear_error(data: bytes) -> None:
    with pytest.raises(ManifestError, match="manifest: "):
        verify(data, KEY.public_key())
