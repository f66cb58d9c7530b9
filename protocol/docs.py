"""Makes `docs/protocol.md` from the schema: nothing in its tables is written by hand."""

import dataclasses
import inspect
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import construct as cs
from construct_typed import DataclassMixin, DataclassStruct, EnumBase, TEnum

from protocol import chain, evidence, framing, schema, wire

FOLDER = Path(__file__).parent.parent / "docs"
_TEXT = Path(__file__).with_name("protocol.md.in")
_INTEGERS = {1: "u8", 2: "u16", 4: "u32"}


def _field_type(subcon: Any) -> str:
    while isinstance(subcon, cs.Renamed | cs.Default):
        subcon = subcon.subcon
    if isinstance(subcon, TEnum):
        return f"{_field_type(subcon.subcon)} {subcon.enum_type.__name__}"
    if isinstance(subcon, cs.FormatField):
        return _INTEGERS[subcon.length]
    if isinstance(subcon, cs.Bytes):
        return f"{subcon.length} bytes"
    if isinstance(subcon, cs.Prefixed):
        return "u8 length, bytes"
    if isinstance(subcon, cs.FocusedSeq):
        array: Any = subcon.subcons[1]
        item = array.subcon.subcon
        name = item.dc_type.__name__ if isinstance(item, DataclassStruct) else _field_type(item)
        return f"u8 count, {name} each"
    return "the rest"


def _size(cls: type[DataclassMixin]) -> str:
    try:
        return f"{schema.struct_of(cls).sizeof()} bytes"
    except (cs.SizeofError, KeyError):
        return "variable"


def _note(field: "dataclasses.Field[Any]") -> str:
    return str(getattr(field.metadata["subcon"], "docs", "") or "").replace("|", "/")


def _class(cls: type[DataclassMixin], title: str) -> Iterator[str]:
    yield f"### {title}\n"
    yield f"{(inspect.getdoc(cls) or '').splitlines()[0]}\n"
    fields = dataclasses.fields(cls)
    if not fields:
        yield "No fields.\n"
        return
    yield "| field | type | unit, range, meaning |\n|---|---|---|"
    for field in fields:
        yield f"| {field.name} | {_field_type(field.metadata['subcon'])} | {_note(field)} |"
    yield ""


def _records() -> Iterator[str]:
    yield from _class(schema.Record, "Record")
    for kind, cls in schema.RECORD_DATA.items():
        size = schema.struct_of(cls).sizeof()
        title = f"`{int(kind):02x}` {kind.name} ({22 + size} bytes, data {size})"
        yield from _class(cls, title)


def _messages() -> Iterator[str]:
    for direction, table in (("to the dispenser", "TO_DEVICE"), ("to the host", "TO_HOST")):
        for kind, cls in getattr(schema, table).items():
            title = f"`{int(kind):02x}` {kind.name}, {direction} (body {_size(cls)})"
            yield from _class(cls, title)
    yield from _class(schema.Range, "Range (item of WATERMARK)")


def _settings() -> Iterator[str]:
    yield from _class(schema.Settings, "Settings")
    for cls in (schema.Transition, schema.Window, schema.Question):
        yield from _class(cls, cls.__name__)


def _enums() -> Iterator[str]:
    classes = [c for _, c in inspect.getmembers(schema, _is_enum)]
    for cls in classes:
        values = ", ".join(f"{int(m)} {name}" for name, m in cls.__members__.items())
        yield f"- **{cls.__name__}**: {(inspect.getdoc(cls) or '').splitlines()[0]} {values}."


def _is_enum(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, EnumBase) and value is not EnumBase


def _evidence() -> Iterator[str]:
    evidence.check()
    yield "| figure | fields | how |\n|---|---|---|"
    for figure in evidence.FIGURES:
        fields = ", ".join(f"`{path}`" for path in figure.fields)
        yield f"| {figure.name} | {fields} | {figure.how} |"


def _example_record() -> tuple[bytes, bytes]:
    secret, device, epoch = bytes(range(32)), bytes.fromhex("00112233445566ff"), 0x01020304
    keys = chain.BlockKeys(chain.root_key(secret, device, epoch))
    record = schema.Record(
        seq=1,
        boot=1,
        time=90_000_000,
        stamp=schema.Quality.synced << 14 | 250,
        type=schema.RecordType.dose,
        data=wire.build(schema.Dose(7, 2, window=1, relation=schema.Relation.in_window)),
        tag=bytes(8),
    )
    previous = bytes.fromhex("a1a2a3a4a5a6a7a8")
    untagged = wire.build(record)[:-8]
    return previous, untagged + chain.tag(keys[0], previous, untagged)


def _examples() -> Iterator[str]:
    previous, raw = _example_record()
    yield "Secret K = `00 01 … 1f`, device id `00112233445566ff`, epoch `01020304`, previous tag"
    yield f"`{previous.hex()}`: a dose from compartment 2, settings 7, seq 1, is the record\n"
    yield f"    {raw[:14].hex(' ')}   head: seq, boot, time, stamp, type, length"
    yield f"    {raw[14:-8].hex(' ')}   data: settings, compartment, window, relation"
    yield f"    {raw[-8:].hex(' ')}   tag\n"
    body = wire.build(schema.Events(0x01020304, previous, 1, raw))
    yield f"and travels as this EVENTS body, on the serial line and in MQTT:\n\n    {body.hex()}\n"
    read = wire.build(schema.Read(epoch=0x01020304, start=1, window=2048))
    line = framing.encode(framing.Frame(type=schema.MessageType.read, ref=7, body=read))
    yield "READ from seq 1 with ref 7 on the line, control bytes escaped:\n"
    yield f"    {line.hex(' ')}\n"


def generate() -> str:
    """Return the text of the page.

    Raises UnknownFieldError if the evidence table names a field that does not exist.
    """
    text = _TEXT.read_text()
    parts = {
        "records": _records,
        "messages": _messages,
        "settings": _settings,
        "codes": _enums,
        "evidence": _evidence,
        "examples": _examples,
    }
    for name, part in parts.items():
        text = text.replace(f"@{name}@\n", "\n".join(part()).rstrip() + "\n\n")
    return text


def main(arguments: Iterable[str]) -> int:
    """Write the page; with `--check` only tell whether it is current."""
    target = FOLDER / "protocol.md"
    if "--check" not in arguments:
        target.write_text(generate())
        return 0
    if target.exists() and target.read_text() == generate():
        return 0
    print("docs/protocol.md is stale: run `make generate`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
