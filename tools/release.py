"""Releases: built from the firmware's sources, signed, and read back."""

import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hardware import board as boards
from protocol import bundle
from protocol.bundle import Release
from protocol.manifest import File, Manifest, ManifestError, sign
from protocol.schema import PROTOCOL_VERSION
from tools import release_key
from tools.compile import CompileError, digest, firmware, version


def build(source: Path, names: list[str], key: Ed25519PrivateKey) -> Release:
    """Compile the sources into a release for the boards of these names, signed with `key`.

    Raises CompileError, hardware.board.BoardError.
    """
    described = [boards.load(name) for name in names]
    with tempfile.TemporaryDirectory(prefix="dosewire-") as scratch:
        files = firmware(source, Path(scratch))
    manifest = Manifest(
        version=version(source),
        boards=sorted(names),
        # compared as numbers: 1.9 is older than 1.26
        micropython=max((board.micropython for board in described), key=numbers),
        protocol=PROTOCOL_VERSION,
        files=[File(path, len(data), digest(data)) for path, data in sorted(files.items())],
    )
    try:
        return bundle.fits(bundle.check(Release(manifest, sign(manifest, key), files)))
    except ManifestError as error:
        raise CompileError(f"{source}: {error}") from error


def numbers(text: str) -> tuple[int, ...]:
    """Return the version of a text such as 1.26."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def read(path: Path, key: Ed25519PublicKey) -> Release:
    """Read and check a bundle; raises OSError, ManifestError, SignatureError."""
    with path.open("rb") as file:
        data = file.read(bundle.LARGEST + 1)
    return bundle.fits(bundle.unpack(data, key))


def signer(path: Path | None) -> tuple[Ed25519PrivateKey, bool]:
    """Return the key to sign with, and whether it was made just now; raises KeyFileError.

    Without a path: this user's development key.
    """
    chosen = path or release_key.development_key()
    made = path is None and not chosen.exists()
    if made:
        release_key.make(chosen)
    return release_key.private_key(chosen), made


def verifier(path: Path | None) -> Ed25519PublicKey:
    """Return the key that releases must be signed with; raises KeyFileError."""
    chosen = path or release_key.development_key()
    if path is None and not chosen.exists():
        told = "give --key FILE, the public key of who built the release"
        raise release_key.KeyFileError(f"no key to check the release with: {told}")
    return release_key.public_key(chosen)
