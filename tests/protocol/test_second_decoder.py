"""The golden vectors on the second decoder: other means, same fields and values."""

import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kaitaistruct import KaitaiStream, KaitaiStruct, KaitaiStructError

from protocol import chain, schema
from protocol.kaitai import __main__ as generator
from protocol.kaitai import frames
from protocol.kaitai.dosewire import Dosewire
from protocol.schema import codes
from tests.support import chains

VECTORS = Path(__file__).parent.parent / "vectors"
GROUPS = ("data", "record", "to_device", "to_host")
OPEN_ENDED = {
    ("to_device", "config_put"),
    ("to_device", "release_chunk"),
    ("to_device", "error"),
    ("to_host", "config_get"),
    ("to_host", "events"),
    ("to_host", "log"),
    ("to_host", "error"),
}
Vector = dict[str, Any]
Fields = list[list[Any]]


def _vectors(*groups: str) -> Iterator[Vector]:
    for group in groups:
        for line in (VECTORS / f"{group}.jsonl").read_text().splitlines():
            yield json.loads(line)


def _stream(data: bytes) -> KaitaiStream:
    return KaitaiStream(io.BytesIO(data))


def _data(name: str, data: bytes) -> Any:
    """Decode record data inside a record, so that the choice by type is tried too."""
    head = bytes(12) + bytes((Dosewire.RecordType[name], len(data)))
    return Dosewire.Record(_stream(head + data + bytes(8))).data.typed


def _message(name: str, body: bytes, from_host: bool) -> Any:
    head = bytes((0x30 if from_host else 0x20, 0, Dosewire.MessageType[name]))
    frame = Dosewire(_stream(head + body + bytes(4)))
    return frame.to_device if from_host else frame.to_host


DECODERS: dict[str, Callable[[str, bytes], Any]] = {
    "data": _data,
    "record": lambda name, data: getattr(Dosewire, name.title())(_stream(data)),
    "to_device": lambda name, data: _message(name, data, from_host=True),
    "to_host": lambda name, data: _message(name, data, from_host=False),
}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Dosewire.RecordData):
        return value.raw.hex()
    if isinstance(value, KaitaiStruct):
        return [item for _, item in _fields(value)]
    return int(value)


def _fields(value: Any) -> Fields:
    """Names and values in the order read; counts and lengths belong to what they count."""
    assert isinstance(value, KaitaiStruct), "not recognised"
    names = [name for name in vars(value) if not name.startswith(("_", "num_", "len_"))]
    return [[name, _plain(getattr(value, name))] for name in names]


def _decode(vector: Vector) -> Fields:
    return _fields(DECODERS[vector["group"]](vector["name"], bytes.fromhex(vector["hex"])))


def _frame_fields(frame: bytes) -> dict[str, Any]:
    fields = dict(_fields(Dosewire(_stream(frame))))
    del fields["spare"], fields["fcs"]
    return fields


def test_every_vector_gives_its_names_and_values_in_order() -> None:
    checked = 0
    for vector in _vectors(*GROUPS):
        assert _decode(vector) == vector["fields"], vector
        checked += 1
    assert checked >= 400


def test_old_records_lack_the_fields_added_later() -> None:
    for vector in _vectors("old"):
        fields = _fields(_data(vector["name"], bytes.fromhex(vector["hex"])))
        rest = vector["fields"][len(fields) :]
        assert fields + rest == vector["fields"] and rest
        assert all(value == 0 for _, value in rest)


def test_frames() -> None:
    for vector in _vectors("frame"):
        (frame,) = frames.frames(bytes.fromhex(vector["hex"]))
        assert _frame_fields(frame) == dict(vector["fields"])


def test_a_damaged_frame_is_no_frame() -> None:
    rng = random.Random(5)
    for vector in _vectors("frame"):
        line = bytearray.fromhex(vector["hex"])
        line[rng.randrange(1, len(line) - 1)] ^= 1 << rng.randrange(8)
        assert dict(vector["fields"]) not in [_frame_fields(f) for f in frames.frames(line)]


def test_codes_have_the_same_names_and_numbers() -> None:
    classes = [value for value in vars(codes).values() if isinstance(value, type)]
    enums = [cls for cls in classes if cls.__module__ == codes.__name__]
    assert len(enums) >= 20
    for enum in enums:
        theirs = {m.name: int(m) for m in getattr(Dosewire, enum.__name__)}
        assert theirs == {m.name: int(m) for m in enum}


def test_what_is_too_short_raises() -> None:
    """Each proper prefix; of bodies with an open end, each shorter than the shortest."""
    least: dict[tuple[str, str], int] = {}
    for vector in _vectors(*GROUPS):
        key, size = (vector["group"], vector["name"]), len(vector["hex"]) // 2
        least[key] = min(least.get(key, size), size)
    tried = 0
    younger = ("to_device", "hello", 2)  # as hosts greeted before they told of their way
    old = {(v["name"], len(v["hex"]) // 2) for v in _vectors("old")}
    for vector in _vectors(*GROUPS):
        key = (vector["group"], vector["name"])
        size = least[key] if key in OPEN_ENDED else len(vector["hex"]) // 2
        for cut in range(size):
            if (vector["name"], cut) in old and vector["group"] == "data":
                continue
            if (*key, cut) == younger:
                continue
            with pytest.raises(EOFError):
                _decode({**vector, "hex": vector["hex"][: 2 * cut]})
            tried += 1
    assert tried > 5000


def test_bytes_of_a_newer_sender_are_passed_over() -> None:
    closed = [v for v in _vectors(*GROUPS) if (v["group"], v["name"]) not in OPEN_ENDED]
    for vector in closed:
        if vector["group"] == "data" and len(vector["hex"]) // 2 > 40:
            continue
        assert _decode({**vector, "hex": vector["hex"] + "a5a5"}) == vector["fields"]


def test_an_unknown_record_type_stays_bytes() -> None:
    raw = chains.untagged(7, 0xEE, b"future") + bytes(8)
    record = Dosewire.Record(_stream(raw))
    assert (record.type, record.data.raw, record.data.typed) == (0xEE, b"future", b"future")


def test_a_record_longer_than_64_bytes_raises() -> None:
    with pytest.raises(KaitaiStructError):
        Dosewire.Record(_stream(chains.untagged(7, 0x20, bytes(43)) + bytes(8)))


def test_events_are_cut_into_records_whose_tags_verify() -> None:
    secret, device, epoch = bytes(range(32)), b"devicE01", 77
    raws = chains.make_chain(secret, device, epoch, 40)
    events = Dosewire.Events(_stream(chains.events_body(epoch, bytes(8), raws)))
    keys = chain.BlockKeys(chain.root_key(secret, device, epoch))
    previous = events.previous
    for raw, record in zip(raws, events.items, strict=True):
        assert record.tag == raw[-schema.TAG_SIZE :]
        assert chain.verifies(keys, previous, raw)
        previous = record.tag
    assert events.items[0].data.typed.board_id == device
    assert [r.seq for r in events.items] == list(range(40))
    assert {r.data.typed.settings for r in events.items[1:]} == {1}


def test_views_of_the_stamp() -> None:
    record = Dosewire.Record(_stream(bytes(10) + b"\x93\xe7" + bytes(10)))
    assert (record.quality, record.mode, record.ms) == (
        Dosewire.Quality.synced,
        Dosewire.Mode.refill,
        999,
    )


def test_settings_inside_a_command() -> None:
    for vector in _vectors("record"):
        if vector["name"] == "settings":
            body = bytes(20) + bytes.fromhex(vector["hex"])
            assert _fields(_message("config_put", body, True).decoded) == vector["fields"]
            assert _fields(_message("config_get", body[16:], False).decoded) == vector["fields"]


def test_a_wrong_order_of_fields_would_be_noticed() -> None:
    """Each pair of neighbours has a vector that is not the same with their values swapped."""
    noticed: dict[tuple[str, str, int], bool] = {}
    for vector in _vectors(*GROUPS):
        names = [name for name, _ in vector["fields"]]
        values = [value for _, value in vector["fields"]]
        for at in range(len(names) - 1):
            swapped = [*values[:at], values[at + 1], values[at], *values[at + 2 :]]
            wrong = [list(pair) for pair in zip(names, swapped, strict=True)]
            key = (vector["group"], vector["name"], at)
            noticed[key] = noticed.get(key, False) or _decode(vector) != wrong
    assert noticed and all(noticed.values())


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A description that the parser was not made from."""
    path = tmp_path / "dosewire.ksy"
    path.write_text(generator.SOURCE.read_text().replace("id: patch", "id: fix", 1))
    monkeypatch.setattr(generator, "SOURCE", path)
    return path


def test_the_parser_is_current() -> None:
    assert generator.main(["--check"]) == 0


@pytest.mark.usefixtures("changed")
def test_a_changed_description_is_noticed() -> None:
    assert generator.main(["--check"]) == 1


def test_a_parser_changed_by_hand_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = tmp_path / "dosewire.py"
    parser.write_text(generator.PARSER.read_text().replace("read_u2be", "read_u1", 1))
    monkeypatch.setattr(generator, "PARSER", parser)
    assert generator.main(["--check"]) == 1


@pytest.mark.usefixtures("changed")
def test_without_the_compiler_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = generator.PARSER.read_text()
    monkeypatch.setenv("PATH", "")
    assert generator.main([]) == 2
    assert "npm install -g kaitai-struct-compiler@" in capsys.readouterr().err
    assert generator.PARSER.read_text() == before
