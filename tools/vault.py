"""A registry on the bench: plain (mode 0600), or encrypted with a pass phrase, beside its lock.

Encrypted: scrypt (RFC 7914; n 2^15, r 8, p 1) makes the key, AES-256-GCM (NIST SP 800-38D) hides
and proves the JSON. The backend reads the plain form, which `export` writes.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sim.backend import registry
from sim.backend.registry import Registry, RegistryError

PASSPHRASE = "DOSEWIRE_PASSPHRASE"  # noqa: S105 - the variable's name
_LOCKED_FOR = 10.0
_COST, _BLOCK, _LANES = 1 << 15, 8, 1


class Sealed(msgspec.Struct, forbid_unknown_fields=True):
    """The encrypted file; all in hex."""

    salt: str
    nonce: str
    sealed: str


class Vault:
    """One registry file. Without a pass phrase, the environment's DOSEWIRE_PASSPHRASE counts."""

    def __init__(self, path: Path, passphrase: str | None = None) -> None:
        self.path = path
        self._passphrase = passphrase or os.environ.get(PASSPHRASE) or ""

    def load(self) -> Registry:
        """Read it, empty if there is none; raises RegistryError."""
        if not self.path.exists():
            return Registry()
        sealed = self._sealed()
        return registry.load(self.path) if sealed is None else self._open(sealed)

    def save(self, known: Registry) -> None:
        """Write it; encrypted if it was, or if it is new and there is a pass phrase."""
        new = not self.path.exists()
        if self._passphrase and (new or self._sealed() is not None):
            registry.replace(self.path, self._seal(known))
        else:
            registry.save(self.path, known)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others who provision at the same bench out meanwhile; raises RegistryError."""
        with self.path.with_name(self.path.name + ".lock").open("w") as lock:
            end = time.monotonic() + _LOCKED_FOR
            while not _lock(lock):
                if time.monotonic() > end:
                    told = "another command has it; run this again"
                    raise RegistryError(f"registry {self.path}: {told}")
                time.sleep(0.05)
            yield

    def _sealed(self) -> Sealed | None:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Sealed)
        except OSError as error:
            raise RegistryError(f"registry {self.path}: {error.strerror}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def _open(self, sealed: Sealed) -> Registry:
        if not self._passphrase:
            raise RegistryError(f"registry {self.path}: encrypted: set {PASSPHRASE}")
        try:
            salt, nonce = bytes.fromhex(sealed.salt), bytes.fromhex(sealed.nonce)
            data = AESGCM(self._key(salt)).decrypt(nonce, bytes.fromhex(sealed.sealed), None)
            return msgspec.json.decode(data, type=Registry)
        except (InvalidTag, ValueError, msgspec.MsgspecError) as error:
            told = "another pass phrase, or the file is damaged"
            raise RegistryError(f"registry {self.path}: {told}") from error

    def _seal(self, known: Registry) -> bytes:
        salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
        hidden = AESGCM(self._key(salt)).encrypt(nonce, msgspec.json.encode(known), None)
        return msgspec.json.encode(Sealed(salt.hex(), nonce.hex(), hidden.hex()))

    def _key(self, salt: bytes) -> bytes:
        derive = Scrypt(salt=salt, length=32, n=_COST, r=_BLOCK, p=_LANES)
        return derive.derive(self._passphrase.encode())


def _lock(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
