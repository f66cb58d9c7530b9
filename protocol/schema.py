"""Records and messages in bytes: the only definition, everything else is made from it.

All integers are big endian. A field's range is that of its type unless its note says less.
Device code is generated from this file by `protocol.codegen`, which refuses what it cannot say.
"""

import dataclasses
from typing import Any

from construct import (
    Bytes,
    Construct,
    GreedyBytes,
    Int8ub,
    Int16ub,
    Int32ub,
    Prefixed,
    PrefixedArray,
)
from construct_typed import DataclassMixin, DataclassStruct, EnumBase, TEnum, csfield

PROTOCOL_VERSION = 1
TIME_BASE = 1704067200
"""Unix time of record time 0: 2024-01-01T00:00:00Z. Stays a small int on the RP2040 until 2058."""

MAX_RECORD = 64
"""Bytes of the longest record, tag included."""
MAX_BODY = 1024
"""Bytes of the longest message body on the serial line."""
MAX_WINDOW = 2048
"""Bytes a dispenser may have sent without ACK."""
TAG_SIZE = 8
FIRST_TAG = bytes(TAG_SIZE)
"""Predecessor tag of seq 0."""
UNKNOWN_DURATION = 0xFFFFFFFF
"""Duration of what had begun before the boot that saw its end: never guessed."""


class RecordType(EnumBase):
    """What a record tells. Below 0x20: about the dispenser; from 0x20: about the patient."""

    epoch = 0x01
    boot = 0x02
    time_set = 0x03
    gap = 0x04
    state = 0x05
    maintenance = 0x06
    suppressed = 0x07
    lid_opened = 0x20
    lid_closed = 0x21
    dose = 0x22
    dose_end = 0x23
    response = 0x24


class Quality(EnumBase):
    """How good a record's time is."""

    uptime = 0  # seconds since boot, nothing better known
    rtc = 1  # the battery-backed clock, set in an earlier boot
    synced = 2  # set in this boot


class Mode(EnumBase):
    """Who is at the dispenser."""

    patient = 0
    refill = 1
    technician = 2
    bench = 3


class EpochReason(EnumBase):
    """Why a journal began a new life."""

    provisioned = 1
    replaced = 2


class ResetCause(EnumBase):
    """Why the dispenser started."""

    power = 1
    watchdog_or_reset = 3


class GapCause(EnumBase):
    """Why the named records are not held any more."""

    trimmed = 1  # the oldest segment made room: "may be gone"
    damaged = 2  # closed for ever because bytes did not verify


class TimeSource(EnumBase):
    """Where a time came from."""

    gateway = 1
    technician = 2


class Service(EnumBase):
    """Whether the dispenser can do its work."""

    ok = 0
    unprovisioned = 1
    key_lost = 2
    journal_lost = 3


class ErrorCode(EnumBase):
    """Why a message was refused."""

    unknown_message = 1
    malformed = 2
    wrong_epoch = 3
    not_provisioned = 4
    out_of_range = 5


# ---- record data, one class a type ----------------------------------------------------------


@dataclasses.dataclass
class Epoch(DataclassMixin):
    """Seq 0 of every epoch: the journal's birth certificate."""

    epoch: int = csfield(Int32ub, "random, not 0")
    previous: int = csfield(Int32ub, "epoch before this one on the same board, 0 if none")
    reason: EpochReason = csfield(TEnum(Int8ub, EpochReason))
    board_id: bytes = csfield(Bytes(8), "unique id of the microcontroller")


@dataclasses.dataclass
class Boot(DataclassMixin):
    """A boot that wrote at least one record."""

    cause: ResetCause = csfield(TEnum(Int8ub, ResetCause))
    skipped: int = csfield(Int16ub, "boots since the last BOOT record that wrote nothing")
    major: int = csfield(Int8ub, "firmware version")
    minor: int = csfield(Int8ub)
    patch: int = csfield(Int8ub)


@dataclasses.dataclass
class TimeSet(DataclassMixin):
    """The clock was set: places every record of this boot."""

    uptime: int = csfield(Int32ub, "s since boot at the moment of setting")
    uptime_ms: int = csfield(Int16ub, "ms part of uptime, 0 to 999")
    old: int = csfield(Int32ub, "s since 2024-01-01 UTC by the clock before, or since boot")
    old_ms: int = csfield(Int16ub, "ms part of old")
    old_quality: Quality = csfield(TEnum(Int8ub, Quality))
    new: int = csfield(Int32ub, "s since 2024-01-01 UTC")
    new_ms: int = csfield(Int16ub, "ms part of new")
    uncertainty: int = csfield(Int32ub, "ms, half width")
    source: TimeSource = csfield(TEnum(Int8ub, TimeSource))


@dataclasses.dataclass
class Gap(DataclassMixin):
    """Records that are not held any more: the only proof of a loss."""

    first: int = csfield(Int32ub, "first missing seq")
    last: int = csfield(Int32ub, "last missing seq")
    cause: GapCause = csfield(TEnum(Int8ub, GapCause))


@dataclasses.dataclass
class State(DataclassMixin):
    """Inputs already active when the boot began: a state, not an event."""

    settings: int = csfield(Int16ub, "version of the settings in force")
    active: int = csfield(Int16ub, "bit 0 lid open, 1-4 beams broken, 5-9 buttons, 10 service")


@dataclasses.dataclass
class Maintenance(DataclassMixin):
    """A tech took the prompt (Ctrl-C): the app stopped here."""

    uptime: int = csfield(Int32ub, "s since boot")


@dataclasses.dataclass
class Suppressed(DataclassMixin):
    """Housekeeping of one type beyond its hourly limit, counted instead of recorded."""

    type: int = csfield(Int8ub, "record type")
    count: int = csfield(Int16ub, "records not written")


@dataclasses.dataclass
class LidOpened(DataclassMixin):
    """The lid was opened; the record's time is the opening."""

    settings: int = csfield(Int16ub, "version of the settings in force")


@dataclasses.dataclass
class LidClosed(DataclassMixin):
    """The lid was closed; the record's time is the closing."""

    settings: int = csfield(Int16ub, "version of the settings in force")
    duration: int = csfield(Int32ub, "ms open; 0xFFFFFFFF: opened before this boot")


@dataclasses.dataclass
class Dose(DataclassMixin):
    """A compartment's beam was broken with the lid open: access, not ingestion."""

    settings: int = csfield(Int16ub, "version of the settings in force")
    compartment: int = csfield(Int8ub, "1 to 4")


@dataclasses.dataclass
class DoseEnd(DataclassMixin):
    """The beam is whole again."""

    settings: int = csfield(Int16ub, "version of the settings in force")
    compartment: int = csfield(Int8ub, "1 to 4")
    dwell: int = csfield(Int32ub, "ms broken; 0xFFFFFFFF: broken before this boot")


@dataclasses.dataclass
class Response(DataclassMixin):
    """A symptom button was pressed."""

    settings: int = csfield(Int16ub, "version of the settings in force")
    button: int = csfield(Int8ub, "0 none to 4 very severe, verbal rating scale")
    question: int = csfield(Int8ub, "1 to 3; 0: unprompted, belongs to no question")
    prompt: int = csfield(Int32ub, "prompt answered; 0: unprompted")


RECORD_DATA: dict[RecordType, type[DataclassMixin]] = {
    RecordType.epoch: Epoch,
    RecordType.boot: Boot,
    RecordType.time_set: TimeSet,
    RecordType.gap: Gap,
    RecordType.state: State,
    RecordType.maintenance: Maintenance,
    RecordType.suppressed: Suppressed,
    RecordType.lid_opened: LidOpened,
    RecordType.lid_closed: LidClosed,
    RecordType.dose: Dose,
    RecordType.dose_end: DoseEnd,
    RecordType.response: Response,
}


@dataclasses.dataclass
class Record(DataclassMixin):
    """One event in bytes: the same from the dispenser's flash to the backend's database."""

    seq: int = csfield(Int32ub, "contiguous within an epoch, never reused")
    boot: int = csfield(Int16ub, "counts boots that wrote")
    time: int = csfield(Int32ub, "s since 2024-01-01 UTC, or since boot (quality uptime)")
    stamp: int = csfield(Int16ub, "quality 2 bits, mode 2 bits, spare 2 bits, ms 10 bits")
    type: int = csfield(Int8ub, "record type; unknown ones are kept and passed on")
    data: bytes = csfield(Prefixed(Int8ub, GreedyBytes), "at most 42 bytes; may grow at its end")
    tag: bytes = csfield(Bytes(TAG_SIZE), "chain tag over the previous tag and all bytes before")

    @property
    def quality(self) -> Quality:
        """How good the time is."""
        return Quality(self.stamp >> 14)

    @property
    def mode(self) -> Mode:
        """Who was at the dispenser."""
        return Mode(self.stamp >> 12 & 3)

    @property
    def ms(self) -> int:
        """Milliseconds of the time, 0 to 999."""
        return self.stamp & 0x3FF


# ---- messages -------------------------------------------------------------------------------


class MessageType(EnumBase):
    """What a frame carries."""

    hello = 0x01
    read = 0x02
    events = 0x03
    ack = 0x04
    watermark = 0x05
    time = 0x06
    error = 0x0F


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

_ALL: list[type[DataclassMixin]] = [Record, *RECORD_DATA.values()]
_ALL += [*TO_DEVICE.values(), *TO_HOST.values()]
_STRUCTS: dict[type[DataclassMixin], "DataclassStruct[Any]"] = {
    cls: DataclassStruct(cls) for cls in _ALL
}


def struct_of(cls: type[DataclassMixin]) -> "Construct[Any, Any]":
    """Return the construct that parses and builds `cls`."""
    return _STRUCTS[cls]
