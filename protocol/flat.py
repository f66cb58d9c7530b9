"""Messages whose fields have a fixed size, but perhaps the last: coded by one struct format.

The format is taken from the schema. construct reads and builds anything, at ten times the cost:
between a record's arrival and its ACK that counts.
"""

import struct
from typing import Any, Generic, TypeVar

import construct as cs
from construct_typed import DataclassMixin

from protocol import schema

T = TypeVar("T", bound=DataclassMixin)


class Flat(Generic[T]):
    """The codec of one class."""

    def __init__(self, cls: type[T]) -> None:
        """Raises ValueError if the class has a field that no struct format expresses."""
        made: Any = schema.struct_of(cls)
        self._class = cls
        fields: list[Any] = [_plain(field) for field in made.subcon.subcons]
        self._names = [field.name for field in made.subcon.subcons]
        self._has_rest = fields[-1:] == [cs.GreedyBytes]
        fixed = fields[: len(fields) - self._has_rest]
        self._struct = struct.Struct(">" + "".join(map(_format, fixed)))
        self._sizes = [
            (name, field.length)
            for name, field in zip(self._names, fixed, strict=False)
            if isinstance(field, cs.Bytes)
        ]

    def parse(self, data: bytes) -> T:
        """Return the object at the start of `data`; raises struct.error if that is too short."""
        values = self._struct.unpack_from(data)
        if self._has_rest:
            values += (bytes(data[self._struct.size :]),)
        return self._class(*values)

    def build(self, message: T) -> bytes:
        """Return the bytes; raises struct.error or TypeError if a value does not fit."""
        for name, size in self._sizes:
            if len(getattr(message, name)) != size:
                raise struct.error(f"{name} must have {size} bytes")
        values = [getattr(message, name) for name in self._names]
        rest: bytes = bytes(values.pop()) if self._has_rest else b""
        return self._struct.pack(*values) + rest


_made: dict[type[DataclassMixin], Flat[Any] | None] = {}


def codec_of(cls: type[T]) -> Flat[T] | None:
    """Return the codec of a schema class, None if it needs construct."""
    if cls not in _made:
        try:
            _made[cls] = Flat(cls)
        except ValueError:
            _made[cls] = None
    return _made[cls]


def _plain(field: Any) -> Any:
    while isinstance(field, cs.Renamed):
        field = field.subcon
    return field


def _format(field: Any) -> str:
    if isinstance(field, cs.FormatField) and field.fmtstr[0] == ">":
        return str(field.fmtstr[1:])
    if isinstance(field, cs.Bytes) and isinstance(field.length, int):
        return f"{field.length}s"
    raise ValueError(f"{type(field).__name__} has no struct format")
