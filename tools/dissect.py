"""Bytes to plain objects, one a frame, message or record, for people and programs to read.

Objects are dicts that JSON can hold: `what` says which kind, `error` what is wrong with it;
bytes are hex, codes are names (numbers if this version does not know them).
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from construct_typed import DataclassMixin, EnumBase

from protocol import schema, wire
from protocol.chain import BLOCK_BITS, BlockKeys, verifies
from protocol.framing import Deframer, Frame

Item = dict[str, Any]
KeysOf = Callable[[int], BlockKeys | None]
"""The tag keys of an epoch, None if it is not known."""

_FLAG = b"\x7e"
_TEXT = re.compile(rb"[\x04\t\n\r\x1b\x20-\x7e]*")
_IN_WORDS = ("text", "board")
_MAX_MS = 999
_SHOWN_BYTES = 64
BODIES: dict[str, type[DataclassMixin]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower(): cls
    for cls in (*schema.TO_HOST.values(), *schema.TO_DEVICE.values(), schema.Settings)
}
"""Bare bodies by name: those of messages in either direction, and settings."""
KINDS = ("frames", "record", *BODIES)


class UnrecognisedError(ValueError):
    """Bytes that are no frames, no EVENTS body and no records."""


def is_good(item: Item) -> bool:
    """Tell whether an object decoded, and verified if that was asked for."""
    return "error" not in item


def recognise(data: bytes) -> str:
    """Return which of `frames`, `events` and `record` these bytes are.

    Raises UnrecognisedError if they are none of them.
    """
    if any(isinstance(piece, Frame) for _, piece in _pieces(data)):
        return "frames"
    if _is_events(data):
        return "events"
    if _are_records(data):
        return "record"
    raise UnrecognisedError(f"{len(data)} bytes hold no good frame, no EVENTS body and no record")


def dissect(data: bytes, kind: str, check: "Check | None" = None) -> Iterator[Item]:
    """Yield the objects in bytes of a kind (one of KINDS)."""
    if kind == "frames":
        return _frames(data, check)
    if kind == "record":
        return _bare_records(data, check)
    return _bare_body(BODIES[kind], data, check)


@dataclasses.dataclass
class Check:
    """What records are verified with; `epoch` and `previous` serve records that travel alone."""

    keys_of: KeysOf
    epoch: int | None = None
    previous: bytes | None = None

    def complaint(self, epoch: int | None, previous: bytes | None, raw: bytes) -> str | None:
        """Return why a record does not verify, None if it does."""
        if epoch is None:
            return "cannot verify: epoch not known, give --epoch"
        if previous is None:
            return "cannot verify: predecessor's tag not known, give --previous"
        keys = self.keys_of(epoch)
        if keys is None:
            return "does not verify: the registry does not know this epoch"
        if not keys.within_reach(wire.seq_of(raw) >> BLOCK_BITS):
            return "does not verify: seq too far beyond what has verified"
        return None if verifies(keys, previous, raw) else "does not verify"


# Frames


def _pieces(data: bytes) -> Iterator[tuple[int, Frame | bytes]]:
    """Yield frames and what lies between them, each with its offset."""
    deframer = Deframer()
    start = 0
    skipped = 0
    while (end := data.find(_FLAG, start)) >= 0:
        for frame in deframer.feed(data[start : end + 1]):
            if data[skipped:start].strip(_FLAG):
                yield skipped, data[skipped : start - 1]
            yield start, frame
            skipped = end + 1
        start = end + 1
    if data[skipped:].strip(_FLAG):
        yield skipped, data[skipped:].rstrip(_FLAG)


def _frames(data: bytes, check: Check | None) -> Iterator[Item]:
    found = False
    for offset, piece in _pieces(data):
        if isinstance(piece, Frame):
            found = True
            yield from _frame(offset, piece, check)
        else:
            yield _skipped(offset, piece)
    if not found:
        yield {"what": "end", "size": len(data), "error": "no good frame"}


def _skipped(offset: int, piece: bytes) -> Item:
    """Text between frames is a prompt's or a crash's, and no fault of the line."""
    item: Item = {"what": "skipped", "offset": offset, "size": len(piece)}
    if _TEXT.fullmatch(piece):
        return item | {"text": piece.decode()}
    error = f"{len(piece)} bytes at {offset} are no good frame"
    return item | {"hex": piece[:_SHOWN_BYTES].hex(), "error": error}


def _frame(offset: int, frame: Frame, check: Check | None) -> Iterator[Item]:
    kinds = schema.TO_DEVICE if frame.from_host else schema.TO_HOST
    kind = schema.MessageType(frame.type)
    head = {
        "what": "frame",
        "offset": offset,
        "from_host": frame.from_host,
        "reply": frame.reply,
        "version": frame.version,
        "ref": frame.ref,
        "type": named(kind),
    }
    cls = kinds.get(kind)
    if cls is None:
        yield head | {"body": frame.body.hex()}
        return
    yield from _body(cls, frame.body, check, head)


# Bodies


def _bare_body(cls: type[DataclassMixin], data: bytes, check: Check | None) -> Iterator[Item]:
    return _body(cls, data, check, {"what": "body", "type": cls.__name__.lower()})


def _body(
    cls: type[DataclassMixin], data: bytes, check: Check | None, head: Item
) -> Iterator[Item]:
    try:
        value = wire.parse(cls, data)
    except wire.WireError as error:
        yield head | {"body": data.hex(), "error": str(error)}
        return
    if isinstance(value, schema.Events):
        yield from _events(value, check, head)
    else:
        yield head | _content(value, data)


def _content(value: DataclassMixin, data: bytes) -> Item:
    item: Item = {"body": _fields(value)}
    if isinstance(value, schema.Hello):
        item["at"] = moment(value.time, 0, value.quality)
    if isinstance(value, schema.Time):
        item["at"] = moment(value.time, value.ms, schema.Quality.synced)
    if isinstance(value, schema.ConfigPut | schema.Config) and value.settings:
        item |= _settings(value.settings, item["body"])
    return item | _extra(value, data)


def _settings(data: bytes, body: Item) -> Item:
    try:
        body["settings"] = _fields(wire.parse(schema.Settings, data))
    except wire.WireError as error:
        return {"error": str(error)}
    return {}


def _extra(value: DataclassMixin, data: bytes) -> Item:
    """Bytes after the last field known here are a newer sender's: shown, no error."""
    extra = data[len(wire.build(value)) :]
    return {"extra": extra.hex()} if extra else {}


def _events(events: schema.Events, check: Check | None, head: Item) -> Iterator[Item]:
    item: Item = head | {"body": _fields(events)}
    try:
        raws = wire.events_records(events)
    except wire.WireError as error:
        yield item | {"error": str(error)}
        return
    del item["body"]["records"]
    yield item
    yield from _records(raws, events.epoch, events.previous, check)


# Records


def _is_events(data: bytes) -> bool:
    try:
        wire.events_records(wire.parse(schema.Events, data))
    except wire.WireError:
        return False
    return True


def _are_records(data: bytes) -> bool:
    try:
        records = [wire.parse(schema.Record, raw) for raw in wire.split_records(data)]
    except wire.WireError:
        return False
    return bool(records) and all(record.ms <= _MAX_MS for record in records)


def _bare_records(data: bytes, check: Check | None) -> Iterator[Item]:
    try:
        raws = wire.split_records(data)
        if not raws:
            raise wire.WireError("no record")
    except wire.WireError as error:
        yield {"what": "record", "hex": data.hex(), "error": str(error)}
        return
    epoch, previous = (check.epoch, check.previous) if check else (None, None)
    yield from _records(raws, epoch, previous, check)


def _records(
    raws: Iterable[bytes], epoch: int | None, previous: bytes | None, check: Check | None
) -> Iterator[Item]:
    before: int | None = None
    for raw in raws:
        seq = wire.seq_of(raw)
        if before is not None and seq != before + 1:
            previous = None
        if seq == 0:
            previous = schema.FIRST_TAG
        item = _record(raw, epoch)
        if check is not None:
            item |= _verdict(check.complaint(epoch, previous, raw), item)
        yield item
        # the tag as it stands, so that one bad record does not take the next ones down
        before, previous = seq, wire.tag_of(raw)


def _verdict(complaint: str | None, item: Item) -> Item:
    if complaint is None:
        return {"verified": True}
    errors = filter(None, (item.get("error"), complaint))
    return {"verified": False, "error": "; ".join(errors)}


def _record(raw: bytes, epoch: int | None) -> Item:
    record = wire.parse(schema.Record, raw)
    known = {} if epoch is None else {"epoch": epoch}
    return {
        "what": "record",
        **known,
        **_fields(record),
        "type": named(schema.RecordType(record.type)),
        "quality": named(record.quality),
        "mode": named(record.mode),
        "ms": record.ms,
        "at": moment(record.time, record.ms, record.quality),
        **_data(record),
    }


def _data(record: schema.Record) -> Item:
    try:
        value = wire.parse_data(record)
    except wire.WireError as error:
        return {"error": str(error)}
    return {} if value is None else {"data": _fields(value)} | _extra(value, record.data)


# Values


def moment(time: int, ms: int, quality: schema.Quality) -> str | None:
    """Return a time as ISO 8601 UTC, None if its quality does not make it one."""
    if quality not in (schema.Quality.rtc, schema.Quality.synced):
        return None
    start = datetime.fromtimestamp(schema.TIME_BASE, UTC)
    at = start + timedelta(seconds=time, milliseconds=ms)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def named(code: EnumBase) -> str | int:
    """Return the name of a code, its number if this version has none."""
    return code.name if code.name in type(code).__members__ else int(code)


def _fields(value: DataclassMixin) -> Item:
    return {
        field.name: _plain(getattr(value, field.name), field.name in _IN_WORDS)
        for field in dataclasses.fields(value)
    }


def _plain(value: Any, in_words: bool = False) -> Any:
    if isinstance(value, EnumBase):
        return named(value)
    if isinstance(value, bytes):
        return _words(value) if in_words else value.hex()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _fields(value) if isinstance(value, DataclassMixin) else value


def _words(value: bytes) -> str:
    return value.rstrip(b"\0").decode("ascii", "backslashreplace")
