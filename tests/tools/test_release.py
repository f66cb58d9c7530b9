"""Releases: the same bytes wherever and whenever they are built, and what is said of bad ones."""

import json
import os
import shutil
import stat
import time

import pytest

from protocol.bundle import pack, unpack
from tests.tools.desk import KEY, built, dosewire, sources
from tools.compile import FIRMWARE
from tools.exits import Exit


def test_it_is_the_same_to_the_byte_in_another_folder_at_another_time(tmp_path, old):
    other = tmp_path / "some where" / "firmware"
    shutil.copytree(FIRMWARE, other, ignore=shutil.ignore_patterns("__pycache__"))
    for path in other.rglob("*.py"):
        os.utime(path, (1, 1))
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Kathmandu"
    time.tzset()
    try:
        release = built(other)
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()
    assert pack(release.signed, release.files) == pack(old.signed, old.files)


def test_what_it_says_and_holds(old):
    manifest = old.manifest
    assert (manifest.boards, manifest.micropython, manifest.protocol) == (["pico"], "1.26", 1)
    assert old.files["version"] == old.version.encode()
    assert {"boot.py", "main.py", "dispenser/app.mpy"} <= old.files.keys()
    assert unpack(pack(old.signed, old.files), KEY.public_key()) == old


def test_built_and_verified_with_the_development_key_which_is_said(tmp_path):
    path = tmp_path / "r.zip"
    done = dosewire("release", "build", "--out", path)
    assert done.returncode == 0
    assert "a new development key" in done.stderr and "not for patients" in done.stderr
    key = tmp_path / "config" / "dosewire" / "release-development.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    first = path.read_bytes()
    assert dosewire("release", "build", "--out", path).returncode == 0
    assert path.read_bytes() == first
    told = json.loads(dosewire("release", "verify", path, "--json").stdout)
    assert (told["version"], told["boards"]) == ("0.1.0", ["pico"])


def test_a_key_of_ones_own(tmp_path):
    key, path = tmp_path / "k.pem", tmp_path / "r.zip"
    assert dosewire("release", "key", key).returncode == 0
    assert dosewire("release", "key", key).returncode == Exit.USAGE  # never replaced
    assert dosewire("release", "build", "--key", key, "--out", path).stderr == ""
    assert dosewire("release", "verify", path, "--key", key.with_suffix(".pub")).returncode == 0
    none = dosewire("release", "verify", path)
    assert (none.returncode, none.stderr.count("\n")) == (Exit.USAGE, 1)
    other = tmp_path / "o.pem"
    dosewire("release", "key", other)
    wrong = dosewire("release", "verify", path, "--key", other)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (Exit.WRONG_SIGNATURE, 1)
    path.write_bytes(path.read_bytes()[:-5000])
    cut = dosewire("release", "verify", path, "--key", key)
    assert (cut.returncode, cut.stderr.count("\n")) == (Exit.TAMPERED, 1)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n"])
def test_a_key_that_is_none_is_one_line(tmp_path, content):
    key = tmp_path / "k.pem"
    key.write_bytes(content)
    done = dosewire("release", "build", "--key", key, "--out", tmp_path / "r.zip")
    assert (done.returncode, done.stderr.count("\n")) == (Exit.USAGE, 1)


def test_sources_without_a_version_are_no_firmware(tmp_path):
    source = sources(tmp_path / "f", (9, 9, 9))
    (source / "dispenser" / "__init__.py").write_text("")
    done = dosewire("release", "build", "--firmware", source, "--out", tmp_path / "r.zip")
    assert (done.returncode, done.stderr.count("\n")) == (Exit.USAGE, 1)
    assert "VERSION" in done.stderr
