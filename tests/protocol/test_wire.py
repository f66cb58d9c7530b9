"""Records and messages in bytes, against bytes written by hand."""

import contextlib
import dataclasses
from typing import Any

import pytest
from construct_typed import DataclassMixin
from hypothesis import given
from hypothesis import strategies as st

from protocol import schema, wire
from tests.support.values import objects_of

ALL = list(schema._STRUCTS)

LID_OPENED = bytes.fromhex(
    "00000102"  # seq 258
    "0003"  # boot 3
    "05f5e100"  # 100,000,000 s after 2024-01-01
    "83e7"  # quality synced (2), mode patient (0), 999 ms
    "20"  # lid opened
    "02 0007"  # settings 7
    "0102030405060708"
)


def test_a_record_written_by_hand() -> None:
    record = wire.parse(schema.Record, LID_OPENED)
    assert (record.seq, record.boot, record.time) == (258, 3, 100_000_000)
    assert (record.quality, record.mode, record.ms) == (schema.Quality.synced, 0, 999)
    assert wire.parse_data(record) == schema.LidOpened(settings=7)
    assert wire.build(record) == LID_OPENED


def test_a_watermark_written_by_hand() -> None:
    body = bytes.fromhex(
        "00000001 00000002 1122334455667788 00000003 00000004"
        "01 00000005 00000006"
        "02 00000003 00000004"
    )
    mark = schema.Watermark(
        epoch=1,
        next=2,
        tag=bytes.fromhex("1122334455667788"),
        store=3,
        rev=4,
        ranges=[schema.Range(first=5, last=6)],
        refused=[3, 4],
    )
    assert wire.parse(schema.Watermark, body) == mark
    assert wire.build(mark) == body


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
@given(data=st.data())
def test_round_trip(cls: type[DataclassMixin], data: st.DataObject) -> None:
    value = data.draw(objects_of(cls))
    assert wire.parse(cls, wire.build(value)) == value


@pytest.mark.parametrize("cls", list(schema.RECORD_DATA.values()), ids=lambda c: c.__name__)
@given(data=st.data(), more=st.binary(max_size=12))
def test_trailing_bytes_of_a_newer_sender_are_ignored(
    cls: type[DataclassMixin], data: st.DataObject, more: bytes
) -> None:
    value = data.draw(objects_of(cls))
    assert wire.parse(cls, wire.build(value) + more) == value


@pytest.mark.parametrize(
    "cls", [cls for cls in ALL if cls.__dataclass_fields__], ids=lambda cls: cls.__name__
)
def test_too_short_is_one_clear_error(cls: type[DataclassMixin]) -> None:
    with pytest.raises(wire.WireError, match=f"^{cls.__name__}: "):
        wire.parse(cls, b"")


@pytest.mark.parametrize(
    ("field", "value"),
    [("seq", 1 << 32), ("seq", -1), ("boot", 65536), ("tag", b"short"), ("data", bytes(256))],
)
def test_values_that_do_not_fit_are_refused(field: str, value: Any) -> None:
    record = wire.parse(schema.Record, LID_OPENED)
    with pytest.raises(wire.WireError):
        wire.build(dataclasses.replace(record, **{field: value}))


def test_unknown_record_types_pass_through() -> None:
    raw = LID_OPENED[:12] + b"\xee" + LID_OPENED[13:]
    record = wire.parse(schema.Record, raw)
    assert wire.parse_data(record) is None
    assert wire.build(record) == raw


def test_an_older_record_says_what_the_missing_field_meant() -> None:
    short = schema.Record(1, 1, 0, 0, schema.RecordType.maintenance, b"\0\0\0\7", bytes(8))
    assert wire.parse_data(short) == schema.Maintenance(7, schema.Work.prompt)
    today = dataclasses.replace(short, data=b"\0\0\0\7\1")
    assert wire.parse_data(today) == schema.Maintenance(7, schema.Work.bench)
    for size in range(4):
        with pytest.raises(wire.WireError):
            wire.parse_data(dataclasses.replace(short, data=bytes(size)))


def test_fields_added_later_are_at_the_end_and_worth_zero_before() -> None:
    added = 0
    for cls in schema.RECORD_DATA.values():
        defaults = [field.default for field in dataclasses.fields(cls)]
        first = [default is dataclasses.MISSING for default in defaults].count(True)
        assert all(default == 0 for default in defaults[first:]), cls
        added += len(defaults) - first
        size = schema.struct_of(cls).sizeof()
        assert [schema.missing(cls, n) > 0 for n in range(size)].count(True) == len(
            defaults
        ) - first
        assert not schema.missing(cls, size) and not schema.missing(cls, size + 1)
    assert added


def test_every_record_fits_the_flash() -> None:
    for cls in schema.RECORD_DATA.values():
        assert 22 + schema.struct_of(cls).sizeof() <= schema.MAX_RECORD


@given(st.lists(objects_of(schema.Record, data=st.binary(max_size=42)), max_size=20))
def test_split_returns_the_records_verbatim(records: list[schema.Record]) -> None:
    raws = [wire.build(record) for record in records]
    assert wire.split_records(b"".join(raws)) == raws
    for raw, record in zip(raws, records, strict=True):
        assert wire.seq_of(raw) == record.seq
        assert wire.tag_of(raw) == record.tag


@given(objects_of(schema.Record, data=st.binary(max_size=42)))
def test_a_record_typed_the_quick_way_is_the_same(record: schema.Record) -> None:
    raw = wire.build(record)
    assert wire.record_of(raw) == wire.parse(schema.Record, raw) == record


@given(st.binary(max_size=300))
def test_split_answers_any_bytes(blob: bytes) -> None:
    with contextlib.suppress(wire.WireError):
        assert b"".join(wire.split_records(blob)) == blob


def _events(count: int, *seqs: int) -> schema.Events:
    raws = [seq.to_bytes(4, "big") + LID_OPENED[4:] for seq in seqs]
    return schema.Events(epoch=1, previous=bytes(8), count=count, records=b"".join(raws))


def test_events_must_count_and_be_contiguous() -> None:
    assert len(wire.events_records(_events(2, 7, 8))) == 2
    for bad in (_events(1, 7, 8), _events(2, 7, 9), _events(2, 7, 7), _events(0)):
        with pytest.raises(wire.WireError):
            wire.events_records(bad)
