"""A release in one file: a zip of its signed manifest and of what that names, stored uncompressed.

The same release gives the same bytes everywhere: names in order, times and modes fixed. Paths are
relative to the slot they go into, except `boot.py` and `main.py`, which are outside the slots.
"""

import dataclasses
import hashlib
import io
import re
import struct
import zipfile
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol.manifest import Manifest, ManifestError, verify

MANIFEST = "manifest.json"
"""Name of the signed manifest, in the bundle and in a slot."""
START = ("boot.py", "main.py")
"""What goes to the root of the board's file system."""
VERSION = "version"
"""The slot's file that tells the other slot which release this is, as text."""
LARGEST = 400_000
"""Bytes: more than two slots of the board could hold."""
_APP = "dispenser/app.mpy"
_MODULE = re.compile(r"(?=.{1,60}$)dispenser(/[a-z0-9_]+)+\.mpy", re.ASCII)
_MOST_FILES = 254
_LONGEST_MANIFEST = 16_384
_PATH = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*(\.(mpy|py))?", re.ASCII)
_STAMP = (1980, 1, 1, 0, 0, 0)
# what zipfile raises for bytes that are no zip, or one that it cannot read
_BROKEN = (zipfile.BadZipFile, ValueError, RuntimeError, EOFError, OSError, struct.error)


@dataclasses.dataclass(frozen=True, slots=True)
class Release:
    """A verified release: manifest, its signed bytes, and the content of each file by path."""

    manifest: Manifest
    signed: bytes
    files: dict[str, bytes]

    @property
    def version(self) -> str:
        """Version as text, such as 1.4.2."""
        return ".".join(map(str, self.manifest.version))


def pack(signed: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return the bundle's bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry(MANIFEST), signed)
        for path in sorted(files):
            archive.writestr(_entry(path), files[path])
    return out.getvalue()


def unpack(data: bytes, key: Ed25519PublicKey) -> Release:
    """Return the release of a bundle, every file checked against its manifest.

    Raises SignatureError if it was not signed by the holder of `key`, ManifestError if it is
    malformed or a file is not what the manifest says.
    """
    contents = _contents(data)
    signed = contents.pop(MANIFEST, None)
    if signed is None:
        raise ManifestError(f"bundle: has no {MANIFEST}")
    manifest = verify(signed, key)
    return check(Release(manifest, signed, contents))


def check(release: Release) -> Release:
    """Return the release if its files are those of its manifest; raises ManifestError."""
    named = {file.path: file for file in release.manifest.files}
    if len(named) != len(release.manifest.files):
        raise ManifestError("manifest: names a file twice")
    for path in named:
        if not _PATH.fullmatch(path) or path == MANIFEST:
            raise ManifestError(f"manifest: {path!r} is no path of a release")
    odd = sorted(named.keys() ^ release.files.keys())
    if odd:
        raise ManifestError(f"bundle: {odd[0]} is in the manifest or in the bundle only")
    for path, file in named.items():
        content = release.files[path]
        if (len(content), hashlib.sha256(content).hexdigest()) != (file.size, file.sha256):
            raise ManifestError(f"bundle: {path} is not what the manifest says")
    return release


def fits(release: Release) -> Release:
    """Return the release if a dispenser can take it as firmware, by cable and over the wire.

    The rules are the dispenser's own (`firmware/dispenser/bundle.py`), but for what depends on its
    board. Raises ManifestError.
    """
    manifest = release.manifest
    lacking = sorted({*START, VERSION, _APP} - release.files.keys())
    if lacking:
        raise ManifestError(f"manifest: names no {lacking[0]}, without which nothing starts")
    for file in manifest.files:
        if not file.size:
            raise ManifestError(f"manifest: {file.path} is empty")
        if file.path not in (*START, VERSION) and not _MODULE.fullmatch(file.path):
            raise ManifestError(f"manifest: {file.path} is no compiled module of the dispenser")
    if not all(0 <= number <= 255 for number in manifest.version):
        raise ManifestError("manifest: a version is three numbers, each 0 to 255")
    if release.files[VERSION] != release.version.encode():
        raise ManifestError(f"manifest: {VERSION} says another version than the manifest")
    if len(manifest.files) > _MOST_FILES or len(release.signed) > _LONGEST_MANIFEST:
        raise ManifestError(
            f"manifest: {len(manifest.files)} files in {len(release.signed)} bytes, at most "
            f"{_MOST_FILES} in {_LONGEST_MANIFEST}"
        )
    return release


def _entry(path: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, _STAMP)
    entry.create_system = 3  # Unix, also on Windows: the same bytes
    entry.external_attr = 0o644 << 16
    return entry


def _contents(data: bytes) -> dict[str, bytes]:
    if len(data) > LARGEST:
        raise ManifestError(f"bundle: {len(data)} bytes are more than a board holds")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise ManifestError("bundle: compressed")
            contents = {entry.filename: archive.read(entry) for entry in entries}
    except _BROKEN as error:
        raise ManifestError(f"bundle: not a release, or cut short: {error}") from error
    if len(contents) != len(entries):
        raise ManifestError("bundle: holds a file twice")
    return contents
