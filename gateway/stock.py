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
        return self._whole(manifest).exists()

    def held(self, manifest: bytes) -> int:
        """Return how many bytes are here of a release that is not whole."""
        try:
            return self._part(manifest).stat().st_size
        except FileNotFoundError:
            return 0

    def add(self, piece: Piece) -> bool:
        """Keep a piece and tell so; False if it is not the one that is lacking.

        Raises OSError if the disk does not take it: what was there before stays.
        """
        if self.is_whole(piece.manifest) or piece.offset != self.held(piece.manifest):
            return False
        path = self._part(piece.manifest)
        self._folder.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            try:
                file.write(piece.data)
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(piece.offset)
                raise
        if self.held(piece.manifest) == piece.size:
            path.rename(self._whole(piece.manifest))
        self._discard_old()
        return True

    def contents(self, command: ReleaseBegin) -> list[bytes]:
        """Return manifest and files, in its order, of a release that is whole.

        Raises PieceError, with nothing of it left here, if it is not what its builder signed.
        """
        path = self._whole(command.manifest)
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

    def _whole(self, manifest: bytes) -> Path:
        return self._folder / manifest.hex()

    def _part(self, manifest: bytes) -> Path:
        return self._folder / f"{manifest.hex()}.part"

    def _discard_old(self) -> None:
        kept = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in kept[:-_KEPT]:
            path.unlink(missing_ok=True)
