"""What each message carries, on the serial line and in MQTT payloads."""

import dataclasses

from construct import Bytes, GreedyBytes, Int8ub, Int16ub, Int32ub, PrefixedArray
from construct_typed import DataclassMixin, DataclassStruct, TEnum, csfield

from protocol.schema.codes import ErrorCode, MessageType, Quality, Service, TimeSource
from protocol.schema.limits import TAG_SIZE


@dataclasses.dataclass
class HelloRequest(DataclassMixin):
    """Host to dispenser: who are you? Negotiates the protocol version."""

    oldest: int = csfield(Int8ub, "oldest protocol version the host speaks")
    newest: int = csfield(Int8ub, "newest protocol version the host speaks")


@dataclasses.dataclass
class Hello(DataclassMixin):
    """Dispenser to host, answer to HELLO; also published as the question for a watermark."""

    device_id: bytes = csfield(Bytes(8), "dispenser id, 16 hex digits in text")
    board: bytes = csfield(Bytes(8), "board name, ASCII, NUL padded")
    major: int = csfield(Int8ub, "firmware version")
    minor: int = csfield(Int8ub)
    patch: int = csfield(Int8ub)
    version: int = csfield(Int8ub, "protocol version of this session")
    service: Service = csfield(TEnum(Int8ub, Service))
    boot: int = csfield(Int16ub)
    epoch: int = csfield(Int32ub, "0: no journal")
    first: int = csfield(Int32ub, "first seq held")
    next: int = csfield(Int32ub, "seq of the next record to be written")
    tag: bytes = csfield(Bytes(TAG_SIZE), "tag of record next - 1")
    uptime: int = csfield(Int32ub, "s since boot")
    time: int = csfield(Int32ub, "s since 2024-01-01 UTC, or since boot")
    quality: Quality = csfield(TEnum(Int8ub, Quality))
    nonce: int = csfield(Int32ub, "random, new for every answer")


@dataclasses.dataclass
class Read(DataclassMixin):
    """Host to dispenser: send records from this seq on, old and new, within the window."""

    epoch: int = csfield(Int32ub)
    start: int = csfield(Int32ub, "first seq wanted; below the first held: from the first held")
    window: int = csfield(Int16ub, "bytes of EVENTS bodies that may be unacknowledged, <= 2048")


@dataclasses.dataclass
class Events(DataclassMixin):
    """Contiguous records of one epoch, verbatim; the same body on serial line and MQTT."""

    epoch: int = csfield(Int32ub)
    previous: bytes = csfield(Bytes(TAG_SIZE), "predecessor tag of the first record")
    count: int = csfield(Int8ub, "records, 1 to 255")
    records: bytes = csfield(GreedyBytes, "records, one after the other")


@dataclasses.dataclass
class Ack(DataclassMixin):
    """Host to dispenser: committed up to here. Opens the window, frees nothing."""

    epoch: int = csfield(Int32ub)
    next: int = csfield(Int32ub, "first seq not yet committed")


@dataclasses.dataclass
class Range(DataclassMixin):
    """A closed range of seqs."""

    first: int = csfield(Int32ub)
    last: int = csfield(Int32ub)


@dataclasses.dataclass
class Watermark(DataclassMixin):
    """Backend to gateway and dispenser: what is stored for good."""

    epoch: int = csfield(Int32ub)
    next: int = csfield(Int32ub, "first seq not stored")
    tag: bytes = csfield(Bytes(TAG_SIZE), "tag of record next - 1; zeros if next is 0")
    store: int = csfield(Int32ub, "random, new whenever the database is created or restored")
    rev: int = csfield(Int32ub, "grows with every change within one store")
    ranges: list[Range] = csfield(
        PrefixedArray(Int8ub, DataclassStruct(Range)), "at most 8, stored above next"
    )
    refused: list[int] = csfield(
        PrefixedArray(Int8ub, Int32ub), "at most 8 seqs that failed verification"
    )


@dataclasses.dataclass
class Time(DataclassMixin):
    """Host to dispenser: the time now."""

    time: int = csfield(Int32ub, "s since 2024-01-01 UTC")
    ms: int = csfield(Int16ub, "0 to 999")
    uncertainty: int = csfield(Int32ub, "ms, half width")
    source: TimeSource = csfield(TEnum(Int8ub, TimeSource))


@dataclasses.dataclass
class Error(DataclassMixin):
    """Either way: that message was refused."""

    code: ErrorCode = csfield(TEnum(Int8ub, ErrorCode))
    type: int = csfield(Int8ub, "message type refused")
    text: bytes = csfield(GreedyBytes, "ASCII, for people")


TO_DEVICE: dict[MessageType, type[DataclassMixin]] = {
    MessageType.hello: HelloRequest,
    MessageType.read: Read,
    MessageType.ack: Ack,
    MessageType.watermark: Watermark,
    MessageType.time: Time,
    MessageType.error: Error,
}
TO_HOST: dict[MessageType, type[DataclassMixin]] = {
    MessageType.hello: Hello,
    MessageType.events: Events,
    MessageType.error: Error,
}
