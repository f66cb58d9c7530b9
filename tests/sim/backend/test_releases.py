"""A gateway asks for a release and gets it, piece by piece, as one stream."""

import hashlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.bundle import Release
from protocol.manifest import File, Manifest
from sim.backend import releases

CONTENTS = {
    "main.py": bytes(5), "boot.py": b"b" * 7, "a/x.mpy": hashlib.shake_256(b"x").digest(40_000),
}  # fmt: skip
SIGNED = b"the signed manifest"
DIGEST = hashlib.sha256(SIGNED).digest()
ORDER = ["boot.py", "a/x.mpy", "main.py"]
STREAM = SIGNED + b"".join(CONTENTS[path] for path in ORDER)


def release():
    files = [File(path, len(CONTENTS[path]), "0" * 64) for path in ORDER]
    return Release(Manifest((1, 2, 3), ["pico"], "1.26", 1, files), SIGNED, CONTENTS)


@pytest.fixture
def full(backend, dispenser):
    backend.give(dispenser, [dispenser.made[0]])
    for _ in range(2):
        with backend.store.writing() as transaction:
            releases.keep(transaction.db, 1, release())
    return backend


def ask(backend, dispenser, offset, digest=DIGEST):
    question = digest + struct.pack(">I", offset)
    return backend.ingest.take(f"rtm/v1/gw-1/up/{dispenser.id}/wanted", question)


def test_the_pieces_are_the_release(full, dispenser):
    got = b""
    while True:
        outcome = ask(full, dispenser, len(got))
        if outcome.piece is None:
            break
        assert outcome.piece[:2] == (DIGEST, len(got))
        got += outcome.piece.data
        size = outcome.piece.size
    assert len(got) == size
    assert zlib.decompress(got) == STREAM
    assert releases.announcement(release()) == bytes((1, 2, 3, 3)) + SIGNED


def test_what_is_not_kept_is_said_once_and_not_answered(full, dispenser):
    outcome = ask(full, dispenser, 0, bytes(32))
    assert outcome.piece is None
    assert "not kept" in outcome.notes[0]
    assert full.store.counters()["pieces_lacking"] == 1


@given(st.binary(max_size=60))
def test_any_question_is_answered_or_refused(payload):
    try:
        wanted = releases.Wanted.parse(payload)
    except releases.PieceError:
        assert len(payload) < 36
    else:
        assert wanted == (payload[:32], int.from_bytes(payload[32:36], "big"))
