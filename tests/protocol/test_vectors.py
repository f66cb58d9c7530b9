"""The golden vectors, on construct, on the device codec under CPython and under MicroPython."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from construct_typed import DataclassMixin

from protocol import framing, schema, vectors, wire
from tests.support import device, micropython

HERE = Path(__file__).parent
FILES = [vectors.FOLDER / f"{group}.jsonl" for group in ("data", "record", "to_device", "to_host")]
CODES = {
    "data": {kind.name: int(kind) for kind in schema.RECORD_DATA},
    "to_device": {kind.name: int(kind) for kind in schema.TO_DEVICE},
    "to_host": {kind.name: int(kind) for kind in schema.TO_HOST},
}
CLASSES: dict[tuple[str, str], type[DataclassMixin]] = {
    ("record", "record"): schema.Record,
    ("record", "settings"): schema.Settings,
    **{("data", kind.name): cls for kind, cls in schema.RECORD_DATA.items()},
    **{("to_device", kind.name): cls for kind, cls in schema.TO_DEVICE.items()},
    **{("to_host", kind.name): cls for kind, cls in schema.TO_HOST.items()},
}


def _lines(*paths: Path) -> Iterator[dict[str, Any]]:
    for path in paths:
        for line in path.read_text().splitlines():
            yield json.loads(line)


def test_there_are_enough_and_every_type_has_some() -> None:
    seen = [(v["group"], v["name"]) for v in _lines(*FILES)]
    assert len(seen) + len(list(_lines(vectors.FOLDER / "frame.jsonl"))) >= 400
    assert set(seen) == set(CLASSES)


def test_the_checked_in_vectors_are_current() -> None:
    assert vectors.main(["--check"]) == 0


def test_construct() -> None:
    for vector in _lines(*FILES):
        cls = CLASSES[vector["group"], vector["name"]]
        value = wire.parse(cls, bytes.fromhex(vector["hex"]))
        assert vectors.fields_of(value) == vector["fields"]
        assert wire.build(value).hex() == vector["hex"]


def test_old_records_under_construct() -> None:
    vectors_seen = list(_lines(vectors.FOLDER / "old.jsonl"))
    for vector in vectors_seen:
        kind, data = schema.RecordType[vector["name"]], bytes.fromhex(vector["hex"])
        value = wire.parse_data(schema.Record(1, 1, 0, 0, kind, data, bytes(8)))
        assert value is not None and vectors.fields_of(value) == vector["fields"]
    assert vectors_seen


def test_frames() -> None:
    for vector in _lines(vectors.FOLDER / "frame.jsonl"):
        fields = dict(vector["fields"])
        frame = framing.Frame(
            type=fields["type"],
            body=bytes.fromhex(fields["body"]),
            ref=fields["ref"],
            from_host=bool(fields["from_host"]),
            reply=bool(fields["reply"]),
            version=fields["version"],
        )
        assert framing.encode(frame).hex() == vector["hex"]
        assert framing.Deframer().feed(bytes.fromhex(vector["hex"])) == [frame]


def test_device_codec_under_cpython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wire", device.load("wire"))
    monkeypatch.syspath_prepend(HERE)
    mp_vectors = __import__("mp_vectors")
    replayed = sum(mp_vectors.replay(str(path), CODES) for path in FILES)
    assert replayed == len(list(_lines(*FILES)))


def test_device_codec_under_micropython(tmp_path: Path) -> None:
    codes = tmp_path / "codes.json"
    codes.write_text(json.dumps(CODES))
    printed = micropython.run(HERE / "mp_vectors.py", str(codes), *map(str, FILES))
    assert int(printed) == len(list(_lines(*FILES)))
