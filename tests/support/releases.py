"""Releases of made-up files, signed."""

import hashlib
import random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.commands import Signer
from protocol.manifest import File, Manifest, sign
from protocol.schema import ReleaseBegin

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIZES = {
    "boot.py": 700,
    "dispenser/app.mpy": 5000,
    "dispenser/drivers/lid.mpy": 90,
    "dispenser/link.mpy": 4096,
    "dispenser/small.mpy": 1,
    "main.py": 900,
    "version": 5,
}


def files(seed: int, sizes: dict[str, int] | None = None) -> dict[str, bytes]:
    """Return content by path, in the order of the manifest."""
    rng = random.Random(seed)
    return {path: rng.randbytes(size) for path, size in sorted((sizes or SIZES).items())}


def manifest(
    contents: dict[str, bytes],
    version: tuple[int, int, int] = (0, 2, 0),
    *,
    boards: tuple[str, ...] = ("pico",),
    micropython: str = "1.26.0",
    protocol: int = 1,
) -> bytes:
    """Return the signed manifest of these files."""
    named = [
        File(path, len(content), hashlib.sha256(content).hexdigest())
        for path, content in contents.items()
    ]
    return sign(Manifest(version, list(boards), micropython, protocol, named), KEY)


def begin(
    signer: Signer, signed: bytes, count: int, version: tuple[int, int, int] = (0, 2, 0)
) -> ReleaseBegin:
    """Return the backend's command."""
    return signer.release_begin(version, count, signed)
