"""The quick codec beside construct, which it stands in for."""

import contextlib
import struct
from typing import Any

import pytest
from construct import ConstructError
from construct_typed import DataclassMixin
from hypothesis import given
from hypothesis import strategies as st

from protocol import flat, schema, wire
from tests.support.values import objects_of

FLAT = [cls for cls in schema._STRUCTS if flat.codec_of(cls) is not None]


def test_what_is_between_a_record_and_its_ack_is_flat() -> None:
    assert {schema.Events, schema.Ack, schema.Read} <= set(FLAT)
    assert flat.codec_of(schema.Watermark) is None


@pytest.mark.parametrize("cls", FLAT)
@given(data=st.data())
def test_the_same_bytes_and_objects_as_construct(
    cls: type[DataclassMixin], data: st.DataObject
) -> None:
    codec, made = flat.Flat(cls), schema.struct_of(cls)
    message = data.draw(objects_of(cls))
    built = codec.build(message)
    assert built == made.build(message)
    assert codec.parse(built) == made.parse(built) == message


@pytest.mark.parametrize("cls", FLAT)
@given(data=st.binary(max_size=80))
def test_any_bytes_are_read_as_construct_reads_them(
    cls: type[DataclassMixin], data: bytes
) -> None:
    expected: Any = None
    with contextlib.suppress(ConstructError):
        expected = schema.struct_of(cls).parse(data)
    got: Any = None
    with contextlib.suppress(struct.error):
        got = flat.Flat(cls).parse(data)
    assert got == expected


@pytest.mark.parametrize(
    "bad",
    [
        schema.Events(epoch=1 << 32, previous=bytes(8), count=1, records=b""),
        schema.Events(epoch=1, previous=bytes(7), count=1, records=b""),
        schema.Events(epoch=1, previous=bytes(9), count=1, records=b""),
        schema.Events(epoch=1, previous=bytes(8), count=256, records=b""),
        schema.Events(epoch=1, previous=bytes(8), count=1, records="text"),  # type: ignore[arg-type]
        schema.Ack(epoch=-1, next=0),
        schema.Ack(epoch=None, next=0),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_fit_is_a_wire_error(bad: DataclassMixin) -> None:
    with pytest.raises(wire.WireError):
        wire.build(bad)
