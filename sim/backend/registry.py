"""Registry of provisioned dispensers: the secret K and the epochs of each, in one JSON file.

K never leaves this file; whoever holds it can forge every record (see `protocol.chain`).
"""

import os
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec

DispenserId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
Secret = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
EpochNumber = Annotated[int, msgspec.Meta(ge=1, le=0xFFFFFFFF)]


class RegistryError(ValueError):
    """The registry cannot be read or is not one; one line, says file and place."""


class Retired(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An epoch taken out of use at `at` (unix s), when the next record would have been `next`.

    `lost` says why records below `next` were given up; empty: all that matter were stored.
    """

    epoch: EpochNumber
    at: int
    next: int
    lost: str = ""


class Entry(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One dispenser: its secret K (32 bytes in hex), every epoch it was given, and ended ones."""

    secret: Secret
    epochs: list[EpochNumber]
    retired: list[Retired] = []


class Registry(msgspec.Struct, forbid_unknown_fields=True):
    """All dispensers, by id (16 hex digits)."""

    dispensers: dict[DispenserId, Entry] = {}

    def secret(self, dispenser: str) -> bytes | None:
        """Return K of a dispenser, None if it is not registered."""
        entry = self.dispensers.get(dispenser)
        return None if entry is None else bytes.fromhex(entry.secret)

    def has_epoch(self, dispenser: str, epoch: int) -> bool:
        """Tell whether a dispenser was provisioned with this epoch."""
        entry = self.dispensers.get(dispenser)
        return entry is not None and epoch in entry.epochs


def load(path: Path) -> Registry:
    """Read a registry. Raises RegistryError with one line if it is missing or malformed."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Registry)
    except OSError as error:
        raise RegistryError(f"registry {path}: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RegistryError(f"registry {path}: {error}") from error


def save(path: Path, registry: Registry) -> None:
    """Write a registry so that after a crash the old or the new one is there, whole; mode 0600.

    Raises RegistryError if what would be written could not be read again.
    """
    text = msgspec.json.format(msgspec.json.encode(registry), indent=2)
    try:
        msgspec.json.decode(text, type=Registry)
    except msgspec.MsgspecError as error:
        raise RegistryError(f"registry {path} not written: {error}") from error
    replace(path, text + b"\n")


def replace(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 so that after a crash the old or the new one is there, whole."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        # mkstemp() makes the file 0600
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class RegistryFile:
    """A registry that follows its file: a dispenser provisioned meanwhile becomes known.

    A file that has become unreadable leaves the last good one in force; `trouble` says why.
    """

    def __init__(self, path: Path) -> None:
        self.trouble: str | None = None
        self._path = path
        self._seen = _version(path)
        self._registry = load(path)

    def secret_for(self, dispenser: str, epoch: int) -> bytes | None:
        """Return K if dispenser and epoch are registered; looks for a newer file if not."""
        if not self._registry.has_epoch(dispenser, epoch):
            self._follow()
        if not self._registry.has_epoch(dispenser, epoch):
            return None
        return self._registry.secret(dispenser)

    def secret_of(self, dispenser: str) -> bytes | None:
        """Return K of a dispenser, None if it is not registered."""
        return self._registry.secret(dispenser) if self.knows(dispenser) else None

    def epochs_of(self, dispenser: str) -> list[int]:
        """Return every epoch that a dispenser was given, oldest first; empty if it is unknown."""
        self.knows(dispenser)
        entry = self._registry.dispensers.get(dispenser)
        return [] if entry is None else list(entry.epochs)

    def knows(self, dispenser: str) -> bool:
        """Tell whether a dispenser is registered, whatever its epoch."""
        if dispenser not in self._registry.dispensers:
            self._follow()
        return dispenser in self._registry.dispensers

    def _follow(self) -> None:
        version = _version(self._path)
        if version == self._seen:
            return
        self._seen = version
        try:
            self._registry = load(self._path)
            self.trouble = None
        except RegistryError as error:
            self.trouble = str(error)


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
