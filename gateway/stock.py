"""Releases that this gateway holds or is getting, in a folder, by the SHA-256 of their manifest.

A release is given on only if its builder's signature is good and every file is what the manifest
says: looked at anew each time, so that nothing on the disk has to be trusted.
"""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from protocol import pieces
from protocol.pieces import Piece, PieceError
from protocol.schema import ReleaseBegin

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_KEPT = 2


class Stock:
    """`key`: PEM file of the builder's public key, None: no release is ever good."""

    def __init__(self, folder: Path, key: Path | None) -> None:
        self.key = key
        self._folder = folder

    def is_whole(self, manifest: bytes) -> bool:
        """Tell whether all of a release is here."""
        path = self._begun(manifest)
        return path is not None and path.stat().st_size == _size_of(path)

    def held(self, manifest: bytes) -> int:
        """Return how many bytes are here of a release."""
        path = self._begun(manifest)
        return 0 if path is None else path.stat().st_size

    def add(self, piece: Piece) -> bool:
        """Keep a piece and tell so; False if it is not the one that is lacking.

        A release whose size is now told otherwise is begun anew. Raises OSError if the disk does
        not take it: what was there before stays.
        """
        begun = self._begun(piece.manifest)
        if begun is not None and _size_of(begun) != piece.size:
            begun.unlink()
        if piece.offset != self.held(piece.manifest):
            return False
        path = self._folder / f"{piece.manifest.hex()}-{piece.size}"
        self._folder.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            try:
                file.write(piece.data)
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(piece.offset)
                raise
        self._discard_old()
        return True

    def contents(self, command: ReleaseBegin) -> list[bytes]:
        """Return manifest and files, in its order, of a release that is whole.

        Raises PieceError, with nothing of it left here, if it is not what its builder signed.
        """
        path = self._begun(command.manifest)
        if path is None:
            raise PieceError("release: not here any more")
        try:
            raw = pieces.unpack(path.read_bytes(), command)
            return [raw[: command.size], *self._files(raw, command)]
        except (OSError, ValueError) as error:
            path.unlink(missing_ok=True)
            raise PieceError(f"release: {error}") from error

    def _files(self, raw: bytes, command: ReleaseBegin) -> list[bytes]:
        # cryptography doubles the daemon's memory: only for a release
        from protocol import bundle, manifest

        signed, at, files = raw[: command.size], command.size, {}
        said = manifest.verify(signed, self._public_key())
        for file in said.files:
            files[file.path] = raw[at : at + file.size]
            at += file.size
        if at != len(raw) or len(files) != command.files:
            raise PieceError("its files are not those that RELEASE_BEGIN announces")
        bundle.check(bundle.Release(said, signed, files))
        return list(files.values())

    def _public_key(self) -> "Ed25519PublicKey":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        if self.key is None:
            raise PieceError("no key to check it with: release.key is not configured")
        key = load_pem_public_key(self.key.read_bytes())
        if not isinstance(key, Ed25519PublicKey):
            raise PieceError(f"{self.key} is no Ed25519 key")
        return key

    def _begun(self, manifest: bytes) -> Path | None:
        return next(self._folder.glob(f"{manifest.hex()}-*"), None)

    def _discard_old(self) -> None:
        kept = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in kept[:-_KEPT]:
            path.unlink(missing_ok=True)


def _size_of(path: Path) -> int:
    # in the name: a cut after its last byte leaves it whole
    return int(path.name.rpartition("-")[2])
