"""Nothing that flashing does can reach the journal, the identity or the settings."""

import hashlib
import posixpath
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import bundle
from protocol.bundle import Release
from protocol.manifest import File, Manifest, ManifestError, sign
from tests.tools.desk import KEY
from tools.compile import placed
from tools.flash import FlashError, Installer, Reporter
from tools.plan import Plan

OURS = re.compile(
    r"/slots|/slots/[ab]|/slots/[ab]/[a-z0-9_/.]+|/slot(\.new)?|/(boot|main)\.py(\.new)?"
)
FILES = {
    "boot.py": b"boot", "main.py": b"main", "version": b"1.2.3", "dispenser/app.mpy": b"app",
    "dispenser/drivers/lid.mpy": b"lid",
}  # fmt: skip


def release(files: dict[str, bytes]) -> Release:
    named = [File(p, len(d), hashlib.sha256(d).hexdigest()) for p, d in files.items()]
    manifest = Manifest((1, 2, 3), ["pico"], "1.26", 1, named)
    return Release(manifest, sign(manifest, KEY), files)


class Board:
    """Takes what a prompt would be told; `named` are all paths in it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.named: set[str] = set()

    def run(self, code: str, progress: object = None) -> str:
        self.named.update(re.findall(r"['\"](/[^'\"]*)['\"]", code))
        return "faults []"

    def write(self, path: str, data: bytes, progress) -> None:
        self.named.add(path)
        self.files[path] = data
        progress(len(data))

    def digests(self, paths) -> dict[str, str]:
        return {path: hashlib.sha256(self.files.get(path, b"")).hexdigest() for path in paths}


def installed(given: Release, slot: str, back_to: str | None) -> Board:
    board = Board()
    write = [path for path in given.files if path not in bundle.START]
    plan = Plan(slot, back_to, None, write, list(bundle.START), False)
    Installer(board, given, plan, Reporter()).run()
    return board


@pytest.mark.parametrize("slot", ["a", "b"])
@pytest.mark.parametrize("back_to", [None, "a", "b"])
def test_every_path_that_an_installation_names_is_of_a_release(slot, back_to):
    board = installed(release(FILES), slot, back_to)
    assert {f"/slots/{slot}/{path}" for path in ("version", "manifest.json")} <= board.named
    outside = {path for path in board.named if not OURS.fullmatch(path) and path != "/"}
    assert outside == set()


@given(
    st.one_of(
        st.from_regex(r"[a-z./_\\]{1,30}", fullmatch=True),
        st.sampled_from(["../", "dispenser/../", "/", "./", "dispenser//"]).flatmap(
            lambda way: st.sampled_from(["journal/tail", "identity", "settings"]).map(way.__add__)
        ),
    )
)
def test_no_path_in_a_signed_bundle_leads_out_of_its_slot(path):
    hostile = release({**FILES, path: b"x"})
    try:
        found = bundle.unpack(bundle.pack(hostile.signed, hostile.files), KEY.public_key())
    except ManifestError:
        return
    for name in found.files:
        where = posixpath.normpath(placed(name, "b"))
        assert where.startswith("/slots/b/") or name in bundle.START, name


@pytest.mark.parametrize(
    "path", ["/journal/tail", "/identity", "/settings", "/slots/c/x", "boot.py"]
)
def test_a_path_that_got_through_is_not_written(path):
    given_ = release(FILES)
    board = Board()
    installer = Installer(board, given_, Plan("a", None, None, [], [], False), Reporter())
    with pytest.raises(FlashError, match="not a place for a release"):
        installer._write(path, b"x")
    assert not board.files
