"""Journals read over the port and from flash images, verified, damaged, and shown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from protocol import wire
from protocol.schema import RecordType
from tests.support.chains import tagged, untagged
from tests.tools.desk import copied, desks
from tests.tools.filled import fill
from tools import journal as journals
from tools.app import app
from tools.exits import Exit, ToolError
from tools.journal import Held, Journal, broken

pytestmark = pytest.mark.slow
NAME, EPOCH, SECRET = "0011223344556677", 7, bytes.fromhex("5c" * 32)


def run(*words):
    return CliRunner().invoke(app, ["journal", *map(str, words)])


@pytest.fixture(scope="module")
def filled(tmp_path_factory, provisioned):
    """Images of a dispenser with some 600 records, and what was read of it over the port."""
    folder = copied(provisioned, tmp_path_factory.mktemp("filled"))
    out = folder / "journal.jsonl"
    with desks(folder) as (desk,):
        fill(desk.port, 600)
        desk.up()
        done = run("read", "--port", desk.port, "--out", out, "--registry",
                   provisioned / "registry.json")  # fmt: skip
        assert done.exit_code == 0, done.output
        assert "every tag verifies" in done.stderr
        assert desk.hello().next >= 601
    (folder / "registry.json").write_bytes((provisioned / "registry.json").read_bytes())
    return folder


def test_what_was_read_holds_every_record_in_order(filled):
    journal = journals.load(filled / "journal.jsonl")
    seqs = [held.record.seq for held in journal.held]
    assert seqs == list(range(len(seqs)))
    assert sum(held.record.type == RecordType.dose for held in journal.held) == 600
    assert journal.held[0].record.type == RecordType.epoch


def test_the_image_holds_the_same(filled):
    read = journals.load(filled / "journal.jsonl")
    image = journals.from_image(filled / "flash.img")
    assert (image.dispenser, image.epoch) == (read.dispenser, read.epoch)
    assert [held.raw for held in image.held[: len(read.held)]] == [h.raw for h in read.held]
    done = run("read", "--image", filled / "flash.img", "--registry", filled / "registry.json")
    assert (done.exit_code, "every tag verifies" in done.stderr) == (0, True)


def test_a_saved_journal_is_verified_and_shown(filled):
    path, known = filled / "journal.jsonl", filled / "registry.json"
    assert run("verify", path, "--registry", known).exit_code == 0
    told = run("verify", path, "--registry", known, "--json")
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert {row["verified"] for row in rows} == {True}
    shown = run("verify", path, "--registry", known, "--timeline").stdout
    assert shown.count(" dose: ") == 600


@pytest.mark.parametrize("what", ["flipped", "dropped", "swapped"])
def test_a_doctored_journal_is_found(filled, tmp_path, what):
    lines = (filled / "journal.jsonl").read_bytes().splitlines()
    if what == "flipped":
        at = lines[300].index(b'"raw":"') + 40
        lines[300] = (
            lines[300][:at]
            + (b"0" if lines[300][at : at + 1] != b"0" else b"1")
            + lines[300][at + 1 :]
        )
    if what == "dropped":
        del lines[300]
    if what == "swapped":
        lines[300], lines[301] = lines[301], lines[300]
    path = tmp_path / "j.jsonl"
    path.write_bytes(b"\n".join(lines))
    done = run("verify", path, "--registry", filled / "registry.json")
    assert done.exit_code == Exit.DAMAGED, done.stderr
    assert ("MISSING" in done.stderr) or ("DO NOT VERIFY" in done.stderr)


def test_without_its_key_nothing_is_called_verified(filled, tmp_path):
    other = tmp_path / "r.json"
    other.write_text('{"dispensers": {}}')
    done = run("verify", filled / "journal.jsonl", "--registry", other)
    assert done.exit_code == Exit.USAGE
    assert "cannot be verified" in done.stderr
    assert "not checked" in run("read", "--image", filled / "flash.img").stderr


@pytest.mark.parametrize("data", [b"", b"x" * 1000, b"\xff" * 352 * 4096])
def test_what_is_no_image_is_one_line(tmp_path, data):
    path = tmp_path / "flash.img"
    path.write_bytes(data)
    done = run("read", "--image", path)
    assert (done.exit_code, done.stderr.count("\n")) == (Exit.USAGE, 1)


@given(st.binary(max_size=300))
def test_a_file_that_is_no_journal_is_said(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "garbage.jsonl"
    path.write_bytes(data)
    with pytest.raises(ToolError) as refused:
        journals.load(path)
    assert refused.value.exit == Exit.USAGE


def chain(seqs, gap=None):
    """Records of these seqs, each after the one before; `gap` is the range that seq 5 tells."""
    held, previous = [], bytes(8)
    for seq in seqs:
        kind, data = 0x22, b"\0\1\1\1\1"
        if gap and seq == 5:
            kind, data = (
                RecordType.gap,
                gap[0].to_bytes(4, "big") + gap[1].to_bytes(4, "big") + b"\1",
            )
        raw = tagged(SECRET, bytes.fromhex(NAME), EPOCH, previous, untagged(seq, kind, data))
        held.append(Held(wire.parse(wire.schema.Record, raw), previous, raw))
        previous = wire.tag_of(raw)
    return Journal(NAME, EPOCH, "x", held)


def test_a_gap_that_is_told_is_no_damage():
    assert chain([0, 1, 5, 6]).gaps() == [(2, 4)]
    assert chain([0, 1, 5, 6]).untold() == [(2, 4)]
    assert chain([0, 1, 5, 6], gap=(2, 4)).untold() == []
    assert broken(chain([0, 1, 2])) == []
