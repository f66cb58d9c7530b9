"""A release from the backend to the dispenser: in pieces, checked, records before it."""

import asyncio
import contextlib
import hashlib
import json
import random
import signal
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gateway.stock import Stock
from protocol import wire
from protocol.commands import Signer
from protocol.framing import Frame
from protocol.pieces import Piece, PieceError, Wanted
from protocol.schema import ReleaseBegin
from sim.certificates import Pki
from tests.support import releases
from tests.support.chains import plain_chain
from tests.support.dispenser import (
    CONFIG_GET,
    CONFIG_PUT,
    RELEASE_BEGIN,
    RELEASE_CHUNK,
    RELEASE_END,
    ScriptedDispenser,
)
from tests.support.gateway import GATEWAY, Rig, rig, until

EPOCH = 0x2E1
FILES = releases.files(1, {"boot.py": 300, "dispenser/app.mpy": 30_000, "main.py": 9_000})
SIGNED = releases.manifest(FILES)
STREAM = zlib.compress(SIGNED + b"".join(FILES.values()))
SIGNER = Signer(bytes(32), bytes([1] * 8), 40)
COMMAND = releases.begin(SIGNER, SIGNED, len(FILES))
BEGIN = wire.build(COMMAND)


class Taker:
    """Takes a release as the firmware does: asks for byte after byte, restarts at the end."""

    def __init__(self, dispenser: ScriptedDispenser) -> None:
        self.contents = [b""]
        self.counters: list[int] = []
        self._dispenser = dispenser
        self._sizes = [len(SIGNED)]
        dispenser.on_command = self.answer

    def answer(self, frame: Frame) -> Frame:
        if frame.type == CONFIG_PUT:
            self.counters.append(int.from_bytes(frame.body[:4], "big"))
            return Frame(CONFIG_GET, frame.body[:4], frame.ref, False, reply=True)
        if frame.type == RELEASE_BEGIN:
            self.counters.append(int.from_bytes(frame.body[:4], "big"))
        elif frame.type == RELEASE_CHUNK:
            self._take(frame.body)
        elif frame.type == RELEASE_END:
            asyncio.get_running_loop().call_later(0.1, self._restart)
        return Frame(RELEASE_BEGIN, self._progress(), frame.ref, False, reply=True)

    def _take(self, body: bytes) -> None:
        number, offset = struct.unpack_from(">BI", body)
        assert (number, offset) == (len(self.contents) - 1, len(self.contents[-1])), "not wanted"
        self.contents[-1] += body[5:]
        if len(self.contents[-1]) == self._sizes[number]:
            if number == 0:
                manifest = json.loads(json.loads(self.contents[0])["manifest"])
                self._sizes += [file["size"] for file in manifest["files"]]
            self.contents.append(b"")

    def _progress(self) -> bytes:
        if len(self.contents) > len(self._sizes):
            return struct.pack(">BIB", 255, 0, 0)
        return struct.pack(">BIB", len(self.contents) - 1, len(self.contents[-1]), 0)

    def _restart(self) -> None:
        self._dispenser.version = (0, 2, 0)
        self._dispenser.unplug()
        self._dispenser.plug()


def _key(folder: Path, key: Ed25519PrivateKey = releases.KEY) -> Path:
    path = folder / "release.pub"
    public = key.public_key()
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


async def _connected(r: Rig) -> tuple[ScriptedDispenser, Taker]:
    one = r.dispenser(1, EPOCH, plain_chain(20))
    taker = Taker(one)
    r.backend.release = STREAM
    await r.run_gateway()
    await until(lambda: r.stored(one))
    return one, taker


@pytest.mark.slow
def test_a_release_reaches_the_dispenser_over_a_kill(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            r.release_key = _key(tmp_path)
            one, taker = await _connected(r)
            r.backend.pieces_answered = 1
            r.backend.command(GATEWAY, one.id, "release", BEGIN, 3600)
            held = tmp_path / "data" / "releases" / f"{COMMAND.manifest.hex()}-{len(STREAM)}"
            await until(lambda: r.backend.wanted == [0, 16_000])
            assert held.stat().st_size == 16_000
            await r.end_gateway(signal.SIGKILL)
            assert taker.counters == [], "nothing before all of it was checked"
            r.backend.pieces_answered = 1000
            await r.run_gateway()
            chain = plain_chain(400)
            while len(one.records) < 400:
                one.add(*chain[len(one.records) : len(one.records) + 5])
                await asyncio.sleep(0.01)
            answers = r.backend.answers_to_commands
            await until(lambda: answers)
            assert answers == [(one.id, "release", 41, b"\xff\0\0\0\0\0")]
            assert taker.contents[:-1] == [SIGNED, *FILES.values()]
            offsets = list(range(16_000, len(STREAM), 16_000))
            assert r.backend.wanted == [0, 16_000, *offsets], "nothing is sent twice"
            await until(lambda: r.stored(one))

    asyncio.run(scenario())


@pytest.mark.slow
@pytest.mark.parametrize("why", ["another key", "no key"])
def test_what_cannot_be_checked_is_not_given_on(tmp_path: Path, pki: Pki, why: str) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            if why == "another key":
                r.release_key = _key(tmp_path, Ed25519PrivateKey.generate())
            one, taker = await _connected(r)
            r.backend.command(GATEWAY, one.id, "release", BEGIN, 3600)
            later = struct.pack(">I", 42) + bytes(16) + b"settings"
            r.backend.command(GATEWAY, one.id, "config", later, 3600)
            answers = r.backend.answers_to_commands
            await until(lambda: len(answers) == 2)
            assert [answer[1:3] for answer in answers] == [("error", 41), ("config", 42)]
            assert taker.counters == [42], "what comes later goes on, the release does not"

    asyncio.run(scenario())


def _stock(folder: Path) -> Stock:
    folder.mkdir(exist_ok=True)
    return Stock(folder / "releases", _key(folder))


def test_pieces_are_kept_in_order_and_only_two_releases(tmp_path: Path) -> None:
    stock = _stock(tmp_path)
    digest = COMMAND.manifest
    assert not stock.add(Piece(digest, 10, 100, b"x")), "not the one that is lacking"
    half = len(STREAM) // 2
    assert stock.add(Piece(digest, 0, len(STREAM), STREAM[:half]))
    assert not stock.add(Piece(digest, 0, len(STREAM), STREAM[:half])), "twice"
    assert (stock.held(digest), stock.is_whole(digest)) == (half, False)
    assert stock.add(Piece(digest, half, len(STREAM), STREAM[half:]))
    assert _stock(tmp_path).is_whole(digest), "after a restart too"
    assert stock.contents(COMMAND) == [SIGNED, *FILES.values()]
    for number in range(3):
        stock.add(Piece(bytes([number]) * 32, 0, 9, b"part"))
    assert len(list((tmp_path / "releases").iterdir())) == 2


class CutError(Exception):
    """The gateway's power goes."""


@pytest.mark.parametrize("seed", range(20))
def test_pieces_late_doubled_and_cut_at_any_step_make_it_whole(tmp_path: Path, seed: int) -> None:
    """What a stock does to files ends before or after any of its steps; it always goes on."""
    dice = random.Random(seed)
    steps = {"open", "write", "fsync", "rename", "unlink", "mkdir"}
    stock = _stock(tmp_path)
    for _ in range(2000):
        if stock.is_whole(COMMAND.manifest):
            break
        asked = stock.held(COMMAND.manifest)
        assert asked < len(STREAM), "nothing more would ever come"
        late = dice.choice((0, asked, asked, asked, max(0, asked - 1000)))
        piece = Piece(COMMAND.manifest, late, len(STREAM), STREAM[late : late + 1000])
        with cut_before(steps, dice.randrange(8)):
            stock.add(piece)
        stock = Stock(tmp_path / "releases", tmp_path / "release.pub")
    assert stock.contents(COMMAND) == [SIGNED, *FILES.values()]


@contextlib.contextmanager
def cut_before(steps: set[str], left: int) -> Iterator[None]:
    """Cut what is done inside before so many steps to files, if there are as many."""

    def watch(frame: FrameType, event: str, called: object) -> None:
        nonlocal left
        if event == "c_call" and getattr(called, "__name__", "") in steps:
            left -= 1
            if left < 0:
                raise CutError

    sys.setprofile(watch)
    try:
        yield
    except CutError:
        pass
    finally:
        sys.setprofile(None)


def test_a_release_that_is_packed_anew_is_begun_anew(tmp_path: Path) -> None:
    stock, other = _stock(tmp_path), zlib.compress(SIGNED + b"".join(FILES.values()), 0)
    assert len(other) != len(STREAM)
    assert stock.add(Piece(COMMAND.manifest, 0, len(other), other[:700]))
    assert not stock.add(Piece(COMMAND.manifest, 700, len(STREAM), STREAM[700:]))
    assert stock.held(COMMAND.manifest) == 0
    assert stock.add(Piece(COMMAND.manifest, 0, len(STREAM), STREAM))
    assert stock.contents(COMMAND) == [SIGNED, *FILES.values()]


@pytest.mark.parametrize("seed", range(30))
def test_a_changed_release_is_never_given_on(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    raw = bytearray(SIGNED + b"".join(FILES.values()))
    command = COMMAND
    if dice.random() < 0.5:
        raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    else:
        del raw[dice.randrange(len(raw)) :]
    if dice.random() < 0.5:
        digest = hashlib.sha256(raw[: command.size]).digest()
        command = ReleaseBegin(41, bytes(16), 0, 2, 0, len(FILES), command.size, digest)
    stream = zlib.compress(bytes(raw))
    stock = _stock(tmp_path)
    stock.add(Piece(command.manifest, 0, len(stream), stream))
    with pytest.raises(PieceError):
        stock.contents(command)
    assert not stock.is_whole(command.manifest), "fetched anew if it is announced again"


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    stream = zlib.compress(bytes(300_000_000))
    stock = _stock(tmp_path)
    for at in range(0, len(stream), 16_000):
        stock.add(Piece(COMMAND.manifest, at, len(stream), stream[at : at + 16_000]))
    with pytest.raises(PieceError):
        stock.contents(COMMAND)


@given(payload=st.binary(max_size=80))
def test_any_payload_is_a_piece_or_an_error(payload: bytes) -> None:
    for kind in (Piece, Wanted):
        try:
            made = kind.parse(payload)
        except PieceError:
            continue
        assert payload.startswith(made.build())
