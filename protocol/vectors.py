"""Golden bytes for every record and message: edge values and random ones.

One JSON object a line: `{"group", "name", "fields": [[name, value], ...], "hex"}`; bytes are hex,
ranges are lists. Groups: `data` (record data), `old` (record data without the fields added since
version 1), `record` (and settings), `to_device`, `to_host`, `frame`. The files are frozen in
`tests/vectors/`: a change of one is a change of the protocol.
"""

import dataclasses
import json
import random
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import construct as cs
from construct_typed import DataclassMixin, DataclassStruct, TEnum

from protocol import framing, schema, wire

FOLDER = Path(__file__).parent.parent / "tests" / "vectors"
_SEED = 20240101
_RANDOM_EACH = 8
_FRAMES = 60


def _subcon(field: "dataclasses.Field[Any]") -> Any:
    subcon = field.metadata["subcon"]
    while isinstance(subcon, cs.Renamed | cs.Default):
        subcon = subcon.subcon
    return subcon


def _choices(subcon: Any, rng: random.Random) -> tuple[Any, Any, Any]:
    """Return the least, the greatest and a random value of a field."""
    if isinstance(subcon, TEnum):
        members: list[int] = list(subcon.enum_type.__members__.values())
        return members[0], members[-1], rng.choice(members)
    if isinstance(subcon, cs.FormatField):
        top = (1 << 8 * subcon.length) - 1
        return 0, top, rng.randint(0, top)
    if isinstance(subcon, cs.Bytes):
        size = int(str(subcon.length))
        return bytes(size), b"\xff" * size, rng.randbytes(size)
    if isinstance(subcon, cs.FocusedSeq):
        array: Any = subcon.subcons[1]
        item = array.subcon.subcon
        return [], [_item(item, rng, 1) for _ in range(8)], [_item(item, rng, 2)]
    return b"", b"\x7e\x7d" * 20, rng.randbytes(rng.randint(0, 42))


def _item(item: Any, rng: random.Random, which: int) -> Any:
    if isinstance(item, DataclassStruct):
        return _object(item.dc_type, [which] * len(dataclasses.fields(item.dc_type)), rng)
    return _choices(item, rng)[which]


def _object(cls: type[DataclassMixin], which: list[int], rng: random.Random) -> DataclassMixin:
    values = {
        field.name: _choices(_subcon(field), rng)[w]
        for field, w in zip(dataclasses.fields(cls), which, strict=True)
    }
    return cls(**values)


def _patterns(size: int) -> Iterator[list[int]]:
    """Least, greatest, each field alone at its greatest, random ones."""
    yield [0] * size
    yield [1] * size
    if size > 1:
        for at in range(size):
            yield [int(i == at) for i in range(size)]
    for _ in range(_RANDOM_EACH):
        yield [2] * size


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        return [_plain(getattr(value, field.name)) for field in dataclasses.fields(value)]
    return int(value)


def fields_of(value: DataclassMixin) -> list[list[Any]]:
    """Return names and plain values of an object's fields, in order."""
    return [[f.name, _plain(getattr(value, f.name))] for f in dataclasses.fields(value)]


def _line(group: str, name: str, fields: list[list[Any]], data: bytes) -> str:
    return json.dumps({"group": group, "name": name, "fields": fields, "hex": data.hex()})


def _typed(group: str, names: Iterable[tuple[str, type[DataclassMixin]]]) -> Iterator[str]:
    rng = random.Random(_SEED)
    for name, cls in names:
        for pattern in _patterns(len(dataclasses.fields(cls))):
            value = _object(cls, pattern, rng)
            yield _line(group, name, fields_of(value), wire.build(value))


def _old() -> Iterator[str]:
    for kind, cls in schema.RECORD_DATA.items():
        fields = dataclasses.fields(cls)
        added = [field for field in fields if field.default is not dataclasses.MISSING]
        for n in range(len(added)):
            lost = added[n:]
            value = _object(cls, [2] * len(fields), random.Random(_SEED))
            for field in lost:
                setattr(value, field.name, field.default)
            lacks = sum(int(_subcon(field).sizeof()) for field in lost)
            yield _line("old", kind.name, fields_of(value), wire.build(value)[:-lacks])


def _frames() -> Iterator[str]:
    rng = random.Random(_SEED)
    for n in range(_FRAMES):
        body = bytes(range(256)) if n < 2 else rng.randbytes(rng.choice([0, 1, 30, 200, 1024]))
        frame = framing.Frame(
            type=rng.randint(0, 255),
            body=body,
            ref=rng.randint(0, 255),
            from_host=n % 2 == 0,
            reply=rng.random() < 0.5,
            version=rng.choice([schema.PROTOCOL_VERSION, rng.randint(0, 7)]),
        )
        fields = [[f.name, _plain(getattr(frame, f.name))] for f in dataclasses.fields(frame)]
        yield _line("frame", "frame", fields, framing.encode(frame))


def files() -> dict[str, str]:
    """Return the vector files: name to text."""
    data = [(kind.name, cls) for kind, cls in schema.RECORD_DATA.items()]
    down = [(kind.name, cls) for kind, cls in schema.TO_DEVICE.items()]
    up = [(kind.name, cls) for kind, cls in schema.TO_HOST.items()]
    groups = {
        "data": _typed("data", data),
        "old": _old(),
        "record": _typed("record", [("record", schema.Record), ("settings", schema.Settings)]),
        "to_device": _typed("to_device", down),
        "to_host": _typed("to_host", up),
        "frame": _frames(),
    }
    return {f"{group}.jsonl": "\n".join(lines) + "\n" for group, lines in groups.items()}


def main(arguments: Iterable[str]) -> int:
    """Write the vector files; with `--check` only tell whether they are current."""
    stale = []
    for name, text in files().items():
        path = FOLDER / name
        if "--check" not in arguments:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(name)
    if stale:
        print(f"stale vectors: {', '.join(stale)}; run `make generate`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
