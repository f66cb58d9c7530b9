"""The manifest of a release: what belongs to it, signed by who built it.

The signature is Ed25519 (RFC 8032) over the manifest's bytes exactly as they stand in the file;
it is checked on the host. The dispenser checks the SHA-256 of each file against the manifest whose
own SHA-256 a signed command has named.
"""

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class ManifestError(ValueError):
    """A release that is not what its builder signed."""


class SignatureError(ManifestError):
    """A release that somebody else signed, or nobody."""


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a release."""

    path: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a release holds and what it runs on.

    `version` is major, minor, patch; `boards` are names of `hardware/boards/`; `micropython` is
    the oldest version it runs on; `protocol` the protocol version it speaks.
    """

    version: tuple[int, int, int]
    boards: list[str]
    micropython: str
    protocol: int
    files: list[File]

    def encode(self) -> bytes:
        """Return the canonical bytes: JSON, fields in this order, files by path, no spaces."""
        ordered = msgspec.structs.replace(self, files=sorted(self.files, key=lambda f: f.path))
        return msgspec.json.encode(ordered)


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A manifest and its signature, as stored beside the files."""

    manifest: str
    signature: str


def sign(manifest: Manifest, key: Ed25519PrivateKey) -> bytes:
    """Return the bytes of the signed manifest."""
    body = manifest.encode()
    return msgspec.json.encode(Signed(body.decode(), key.sign(body).hex()))


def verify(data: bytes, key: Ed25519PublicKey) -> Manifest:
    """Return the manifest of a signed one.

    Raises ManifestError if it is malformed, SignatureError if it was not signed by the holder of
    `key`.
    """
    try:
        signed = msgspec.json.decode(data, type=Signed)
        key.verify(bytes.fromhex(signed.signature), signed.manifest.encode())
        return msgspec.json.decode(signed.manifest, type=Manifest)
    except InvalidSignature:
        raise SignatureError("manifest: the signature is not by the given key") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise ManifestError(f"manifest: {error}") from error
