"""The Ed25519 key that signs releases, in PEM files; a development key where none is given."""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

_MAKE = "`dosewire release key FILE` makes one"


class KeyFileError(ValueError):
    """A key that is not there or is none; one line."""


def development_key() -> Path:
    """Return where the development key of this user is, or would be."""
    home = os.environ.get("XDG_CONFIG_HOME")
    folder = Path(home) if home else Path.home() / ".config"
    return folder / "dosewire" / "release-development.pem"


def make(path: Path) -> Path:
    """Write a new private key (mode 0600) and, beside it as .pub, its public key; returns that.

    Raises KeyFileError rather than replace one.
    """
    private = Ed25519PrivateKey.generate()
    public = path.with_suffix(".pub")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public.write_bytes(
            private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
    except OSError as error:
        raise KeyFileError(f"release key {path}: {error.strerror}") from error
    return public


def private_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key; raises KeyFileError."""
    key = _load(path)
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise KeyFileError(f"release key {path}: a private Ed25519 key is needed to sign; {_MAKE}")


def public_key(path: Path) -> Ed25519PublicKey:
    """Read a public key, or that of a private one; raises KeyFileError."""
    key = _load(path)
    if isinstance(key, Ed25519PrivateKey):
        return key.public_key()
    if isinstance(key, Ed25519PublicKey):
        return key
    raise KeyFileError(f"release key {path}: not an Ed25519 key")


def _load(path: Path) -> object:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"release key {path}: {error.strerror}; {_MAKE}") from error
    load = load_pem_public_key if b"PUBLIC KEY" in data else _private
    try:
        return load(data)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"release key {path}: not a PEM key without pass phrase") from error


def _private(data: bytes) -> object:
    return load_pem_private_key(data, None)
