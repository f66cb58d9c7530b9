"""Makes the device's codec from the schema: `wire.py`, positional tuples and a table of layouts,
and `codes.py`, the numbers of what records tell (apart, so that the codec stays small).

A layout is a struct format, or a tuple of parts: a struct format, `(format,)` for a u8-counted
array, 1 for u8-prefixed bytes, 0 for all the rest. What does not fit these parts is refused.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import construct as cs
from construct_typed import DataclassMixin, DataclassStruct, EnumBase, TEnum

from protocol import schema

Part = str | int | tuple[str]
TARGET = Path(__file__).parent.parent / "firmware" / "dispenser" / "wire.py"
CODES = TARGET.with_name("codes.py")
_HEAD = "# Generated from protocol/schema by protocol/codegen.py: do not edit."
_INTEGERS = {">B", ">H", ">L"}
_PREFIXED = 1
_REST = 0


class UnsupportedError(ValueError):
    """The schema says something that device code cannot express."""


def layout(struct: "cs.Construct[Any, Any]", name: str) -> tuple[Part, ...]:
    """Return the layout of a construct Struct.

    Raises UnsupportedError naming the field and the construct class that cannot be expressed.
    """
    parts: list[Part] = []
    for field in _fields(struct):
        if parts and parts[-1] == _REST:
            raise UnsupportedError(f"{name}.{field.name}: fields after the rest of the body")
        part = _part(field, f"{name}.{field.name}")
        last = parts[-1] if parts else None
        if isinstance(part, str) and isinstance(last, str):
            parts[-1] = last + part[1:]
        else:
            parts.append(part)
    return tuple(parts)


def _fields(struct: Any) -> list[Any]:
    inner: Any = struct.subcon if isinstance(struct, DataclassStruct) else struct
    if not isinstance(inner, cs.Struct):
        raise UnsupportedError(f"{type(inner).__name__} is no Struct")
    return list(inner.subcons)


def _part(field: Any, path: str) -> Part:
    kind: Any = field
    while isinstance(kind, cs.Renamed | cs.Default):
        kind = kind.subcon
    if isinstance(kind, TEnum):
        kind = kind.subcon
    if isinstance(kind, cs.FormatField) and kind.fmtstr in _INTEGERS:
        return str(kind.fmtstr)
    if isinstance(kind, cs.Bytes) and isinstance(kind.length, int):
        return f">{kind.length}s"
    if kind is cs.GreedyBytes:
        return _REST
    if isinstance(kind, cs.Prefixed) and kind.subcon is cs.GreedyBytes:
        _require_u8(kind.lengthfield, path)
        return _PREFIXED
    array = _counted_array(kind)
    if array is not None:
        _require_u8(array[0], path)
        return (_array_format(array[1], path),)
    raise UnsupportedError(f"{path}: {type(kind).__name__}")


def _require_u8(length: Any, path: str) -> None:
    if not isinstance(length, cs.FormatField) or length.fmtstr != ">B":
        raise UnsupportedError(f"{path}: length or count is not Int8ub")


def _counted_array(kind: Any) -> tuple[Any, Any] | None:
    # PrefixedArray is a macro; recognisable only by the FocusedSeq it makes
    if not isinstance(kind, cs.FocusedSeq) or len(kind.subcons) != 2:
        return None
    count: Any
    items: Any
    count, items = kind.subcons
    if getattr(count, "name", None) != "count" or getattr(items, "name", None) != "items":
        return None
    return count.subcon.subcon, items.subcon.subcon


def _array_format(item: Any, path: str) -> str:
    if isinstance(item, DataclassStruct):
        parts = layout(item, path)
        if len(parts) == 1 and isinstance(parts[0], str):
            return parts[0]
        raise UnsupportedError(f"{path}: items of an array must have a fixed size")
    part = _part(item, path)
    if not isinstance(part, str):
        raise UnsupportedError(f"{path}: items of an array must have a fixed size")
    return part


def _constants(prefix: str, enum: type[EnumBase]) -> Iterator[str]:
    for member in list(enum):
        yield f"{prefix}{member.name.upper()} = const({int(member)})"


def _table(name: str, classes: Mapping[Any, type[DataclassMixin]]) -> Iterator[str]:
    yield f"{name} = {{"
    for code, cls in classes.items():
        parts = layout(schema.struct_of(cls), cls.__name__)
        fields = ", ".join(field.name for field in _fields(schema.struct_of(cls)))
        yield f"    {int(code)}: {_written(parts)},  # {fields}"
    yield "}"


def _written(parts: tuple[Part, ...]) -> str:
    # most layouts are one struct format: a tuple around it would cost heap on the device
    compact = parts[0] if len(parts) == 1 and isinstance(parts[0], str) else parts
    # repr() writes 'x'; the formatter of the checked-in code wants "x"
    return repr(compact).replace("'", '"')


_ENGINE = """

def pack(layout, *values):
    # bytes of a layout; ValueError where a value does not fit its field
    out = b""
    at = 0
    for part in (layout,) if isinstance(layout, str) else layout:
        if part == 0:
            out += values[at]
            at += 1
        elif part == 1:
            out += _fit(">B", (len(values[at]),)) + values[at]
            at += 1
        elif isinstance(part, tuple):
            items = values[at]
            out += _fit(">B", (len(items),))
            for item in items:
                out += _fit(part[0], item if isinstance(item, tuple) else (item,))
            at += 1
        else:
            end = at + _count(part)
            out += _fit(part, values[at:end])
            at = end
    if at != len(values):
        raise ValueError("values")
    return out


def unpack(layout, data, start=0):
    # (values, end); bytes after the last part belong to a newer sender
    values = []
    for part in (layout,) if isinstance(layout, str) else layout:
        if part == 0:
            values.append(bytes(data[start:]))
            start = len(data)
        elif part == 1:
            (size,) = _cut(">B", data, start)
            start += 1 + size
            if start > len(data):
                raise ValueError("short")
            values.append(bytes(data[start - size : start]))
        elif isinstance(part, tuple):
            (count,) = _cut(">B", data, start)
            start += 1
            step = struct.calcsize(part[0])
            items = []
            for _ in range(count):
                item = _cut(part[0], data, start)
                items.append(item if len(item) > 1 else item[0])
                start += step
            values.append(items)
        else:
            values.extend(_cut(part, data, start))
            start += struct.calcsize(part)
    return values, start


def _cut(form, data, start):
    if start + struct.calcsize(form) > len(data):
        raise ValueError("short")
    return struct.unpack_from(form, data, start)


def _fit(form, values):
    # struct.pack truncates silently on the device: what comes back must be what went in
    try:
        out = struct.pack(form, *values)
        if struct.unpack(form, out) == tuple(values):
            return out
    except Exception:
        pass
    raise ValueError("range")


def _count(form):
    # fields of a struct format: one per letter
    n = 0
    for c in form[1:]:
        n += c > "9"
    return n
"""


def generate() -> str:
    """Return the text of the device's codec."""
    lines = [
        _HEAD,
        "import struct",
        "",
        "from micropython import const",
        "",
        f"VERSION = const({schema.PROTOCOL_VERSION})",
        f"TIME_BASE = const({schema.TIME_BASE})",
        f"MAX_RECORD = const({schema.MAX_RECORD})",
        f"MAX_BODY = const({schema.MAX_BODY})",
        f"MAX_WINDOW = const({schema.MAX_WINDOW})",
        f"UNKNOWN_DURATION = const({schema.UNKNOWN_DURATION})",
        "",
    ]
    for prefix, enum in _ENUMS:
        lines += [*_constants(prefix, enum), ""]
    record = layout(schema.struct_of(schema.Record), "Record")
    lines.append(
        f"RECORD = {record!r}".replace("'", '"') + "  # seq boot time stamp type data tag"
    )
    settings = layout(schema.struct_of(schema.Settings), "Settings")
    lines.append(f"SETTINGS = {_written(settings)}")
    for name, table in _TABLES:
        lines += _table(name, table)
    return "\n".join(lines) + _ENGINE


def generate_codes() -> str:
    """Return the text of the device's numbers of what records tell."""
    lines = [_HEAD, "from micropython import const"]
    for prefix, enum in _RECORD_ENUMS:
        lines += ["", *_constants(prefix, enum)]
    return "\n".join(lines) + "\n"


_ENUMS: list[tuple[str, type[EnumBase]]] = [
    ("", schema.RecordType),
    ("QUALITY_", schema.Quality),
    ("MODE_", schema.Mode),
    ("REASON_", schema.EpochReason),
    ("CAUSE_", schema.ResetCause),
    ("GAP_", schema.GapCause),
    ("SOURCE_", schema.TimeSource),
    ("SERVICE_", schema.Service),
    ("ERROR_", schema.ErrorCode),
    ("MESSAGE_", schema.MessageType),
]
_RECORD_ENUMS: list[tuple[str, type[EnumBase]]] = [
    ("POWER_", schema.PowerSource),
    ("REFUSED_", schema.RefusedReason),
    ("RELEASE_", schema.ReleaseAction),
    ("FAULT_", schema.FaultKind),
    ("TAMPER_", schema.TamperKind),
    ("WORK_", schema.Work),
    ("RELATION_", schema.Relation),
    ("TRIGGER_", schema.Trigger),
    ("EXPIRY_", schema.ExpiryReason),
    ("REMINDER_", schema.ReminderStep),
    ("REFILL_", schema.RefillAction),
    ("REFILL_BY_", schema.RefillCause),
]
_TABLES: list[tuple[str, Mapping[Any, type[DataclassMixin]]]] = [
    ("DATA", schema.RECORD_DATA),
    ("RX", schema.TO_DEVICE),
    ("TX", schema.TO_HOST),
]


def main(arguments: Iterable[str]) -> int:
    """Write the device's codec; with `--check` only tell whether it is current."""
    texts = {TARGET: generate(), CODES: generate_codes()}
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text() != text]
    if "--check" not in arguments:
        for path in stale:
            path.write_text(texts[path])
        return 0
    for path in stale:
        print(f"{path.name} is stale: run `make generate`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
