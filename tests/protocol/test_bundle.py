"""Bundles: the same bytes for the same release, and every way to tamper with them."""

import hashlib
import io
import zipfile

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from protocol.bundle import LARGEST, pack, unpack
from protocol.manifest import File, Manifest, ManifestError, SignatureError, sign

# RFC 8032, 7.1, test 1
KEY = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
)
FILES = {"boot.py": b"pass\n", "dispenser/app.mpy": b"M\x06code", "version": b"1.2.3"}


def signed(files: dict[str, bytes]) -> bytes:
    entries = [File(p, len(d), hashlib.sha256(d).hexdigest()) for p, d in files.items()]
    return sign(Manifest((1, 2, 3), ["pico"], "1.26", 1, entries), KEY)


BUNDLE = pack(signed(FILES), FILES)


def test_what_was_packed_comes_out() -> None:
    release = unpack(BUNDLE, KEY.public_key())
    assert release.files == FILES
    assert (release.version, release.manifest.boards) == ("1.2.3", ["pico"])


def test_the_order_of_the_files_changes_no_byte() -> None:
    assert pack(signed(FILES), dict(reversed(FILES.items()))) == BUNDLE


def test_any_zip_tool_reads_it_and_nothing_in_it_tells_when_or_where() -> None:
    entries = zipfile.ZipFile(io.BytesIO(BUNDLE)).infolist()
    assert [entry.filename for entry in entries] == ["manifest.json", *sorted(FILES)]
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {(entry.create_system, entry.compress_type) for entry in entries} == {(3, 0)}


@given(st.integers(0, len(BUNDLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_found_or_means_nothing(at: int, flip: int) -> None:
    data = BUNDLE[:at] + bytes([BUNDLE[at] ^ flip]) + BUNDLE[at + 1 :]
    try:
        found = unpack(data, KEY.public_key())
    except ManifestError:
        return
    assert found.files == FILES


@given(st.integers(0, len(BUNDLE) - 1))
def test_a_bundle_cut_short_is_found(size: int) -> None:
    with pytest.raises(ManifestError):
        unpack(BUNDLE[:size], KEY.public_key())


@given(st.binary(max_size=200))
def test_garbage_is_one_clear_error(data: bytes) -> None:
    with pytest.raises(ManifestError):
        unpack(data, KEY.public_key())


def test_somebody_elses_signature_is_told_apart() -> None:
    with pytest.raises(SignatureError):
        unpack(BUNDLE, Ed25519PrivateKey.generate().public_key())


@pytest.mark.parametrize(
    "change",
    [
        {"dispenser/app.mpy": b"M\x06evil"},
        {"dispenser/more.mpy": b""},
        {"dispenser/app.mpy": None},
    ],
)
def test_files_that_the_manifest_does_not_say_are_refused(change: dict[str, bytes | None]) -> None:
    files = {path: data for path, data in {**FILES, **change}.items() if data is not None}
    with pytest.raises(ManifestError, match="dispenser/"):
        unpack(pack(signed(FILES), files), KEY.public_key())


@pytest.mark.parametrize(
    "path", ["../boot.py", "/boot.py", "a/../b", "manifest.json", "journal/x\n", "A.py", "a//b"]
)
def test_paths_that_lead_elsewhere_are_refused_though_signed(path: str) -> None:
    files = {path: b"x"}
    with pytest.raises(ManifestError):
        unpack(pack(signed(files), {} if path == "manifest.json" else files), KEY.public_key())


def test_a_zip_bomb_is_not_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", bytes(50_000_000))
    with pytest.raises(ManifestError, match="compressed"):
        unpack(out.getvalue(), KEY.public_key())
    with pytest.raises(ManifestError, match="more than a board holds"):
        unpack(bytes(LARGEST + 1), KEY.public_key())
