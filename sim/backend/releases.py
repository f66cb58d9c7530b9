"""Releases for dispensers, each one stream by the SHA-256 of its signed manifest.

Gateways ask for them piece by piece (`protocol.pieces`); a command only announces one.
"""

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, select

from protocol import pieces
from protocol.pieces import Piece, PieceError, Wanted
from sim.backend.tables import releases
from sim.backend.upsert import insert_missing

if TYPE_CHECKING:
    # needs cryptography, which the backend does without
    from protocol.bundle import Release

_STREAM = select(releases.c.stream).where(releases.c.manifest == bindparam("m"))


def announcement(release: "Release") -> bytes:
    """Return the content of the command: version, number of files, signed manifest."""
    return bytes((*release.manifest.version, len(release.manifest.files))) + release.signed


def keep(db: Connection, now: int, release: "Release") -> None:
    """Keep a release for whoever asks; one that is there stays as it is."""
    contents = [release.files[file.path] for file in release.manifest.files]
    row = {
        "manifest": hashlib.sha256(release.signed).digest(),
        "stream": pieces.pack([release.signed, *contents]),
        "made_at": now,
    }
    insert_missing(db, releases, row)


def answer(db: Connection, wanted: Wanted) -> Piece:
    """Return the piece that is asked for; raises PieceError if there is none."""
    stream = db.execute(_STREAM, {"m": wanted.manifest}).scalar()
    if stream is None:
        raise PieceError(f"release {wanted.manifest.hex()[:16]} is not kept here")
    return pieces.piece(wanted.manifest, bytes(stream), wanted.offset)
