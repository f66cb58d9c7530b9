"""What each message carries, on the serial line and in MQTT payloads."""

import dataclasses

from construct import Bytes, GreedyBytes, Int8ub, Int16ub, Int32ub, PrefixedArray
from construct_typed import DataclassMixin, DataclassStruct, TEnum, csfield

from protocol.schema.codes import ErrorCode, MessageType, Mode, Quality, Service, TimeSource
from protocol.schema.fields import added
from protocol.schema.limits import MAC_SIZE, TAG_SIZE


@dataclasses.dataclass
class HelloRequest(DataclassMixin):
    """Host to dispenser: who are you? Negotiates the protocol version."""

    oldest: int = csfield(Int8ub, "oldest protocol version the host speaks")
    newest: int = csfield(Int8ub, "newest protocol version the host speaks")
    away: int = added(
        Int8ub, 0, "full minutes without a way to the broker, stays at 255; 0: has one, or no word"
    )


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
class ConfigPut(DataclassMixin):
    """Backend to dispenser: these settings from now on. A command."""

    counter: int = csfield(Int32ub, "greater than that of every command accepted before")
    mac: bytes = csfield(Bytes(MAC_SIZE), "over device id, type, counter and settings")
    settings: bytes = csfield(GreedyBytes, "SETTINGS")


@dataclasses.dataclass
class ConfigGet(DataclassMixin):
    """Host to dispenser: which settings are in force?"""


@dataclasses.dataclass
class Config(DataclassMixin):
    """Dispenser to host, answer to CONFIG_PUT and CONFIG_GET: the settings in force."""

    counter: int = csfield(Int32ub, "last command counter accepted")
    settings: bytes = csfield(GreedyBytes, "SETTINGS; empty: none yet")


@dataclasses.dataclass
class StatusGet(DataclassMixin):
    """Host to dispenser: how are you?"""


@dataclasses.dataclass
class Status(DataclassMixin):
    """Dispenser to host, answer to STATUS: health at this moment, for a tech's eyes."""

    uptime: int = csfield(Int32ub, "s since boot")
    free: int = csfield(Int32ub, "bytes of heap free")
    active: int = csfield(Int16ub, "inputs active, bits as in the STATE record")
    battery: int = csfield(Int16ub, "mV; 0: not measured")
    worst_gap: int = csfield(Int16ub, "ms, how late a look of the watchdog task was at most")
    bad_frames: int = csfield(Int16ub, "frames refused since boot, stays at 65535")
    watermark: int = csfield(Int32ub, "newest watermark heard since boot")


@dataclasses.dataclass
class LogGet(DataclassMixin):
    """Host to dispenser: send what the log holds."""

    window: int = csfield(Int16ub, "bytes that may be sent")


@dataclasses.dataclass
class Log(DataclassMixin):
    """Dispenser to host, answer to LOG: lines for a tech, no identifiers."""

    dropped: int = csfield(Int16ub, "lines dropped since boot, stays at 65535")
    text: bytes = csfield(GreedyBytes, "ASCII, lines end with LF")


@dataclasses.dataclass
class ReleaseBegin(DataclassMixin):
    """Backend to dispenser: a release follows. A command."""

    counter: int = csfield(Int32ub, "greater than that of every command accepted before")
    mac: bytes = csfield(
        Bytes(MAC_SIZE), "over device id, type, counter and the fields after this"
    )
    major: int = csfield(Int8ub, "version of the release")
    minor: int = csfield(Int8ub)
    patch: int = csfield(Int8ub)
    files: int = csfield(Int8ub, "files in the manifest, 1 to 254")
    size: int = csfield(Int16ub, "bytes of the manifest, at most 16,384")
    manifest: bytes = csfield(Bytes(32), "SHA-256 of the manifest")


@dataclasses.dataclass
class ReleaseChunk(DataclassMixin):
    """Host to dispenser: bytes of one file of the release."""

    file: int = csfield(Int8ub, "0 is the manifest, then in its order")
    offset: int = csfield(Int32ub, "bytes of the file before these")
    data: bytes = csfield(GreedyBytes, "at least 256 bytes, unless they end the file")


@dataclasses.dataclass
class ReleaseEnd(DataclassMixin):
    """Host to dispenser: all sent; check every hash and start the release."""


@dataclasses.dataclass
class ReleaseProgress(DataclassMixin):
    """Dispenser to host, answer to every RELEASE message: where to go on."""

    file: int = csfield(Int8ub, "file wanted next, 0 the manifest; 255: none, all is on flash")
    offset: int = csfield(Int32ub, "bytes of it that are on flash")
    refused: int = csfield(Int8ub, "RefusedReason; 0: none")


@dataclasses.dataclass
class EnterMaintenance(DataclassMixin):
    """Host to dispenser: stop the app and give the prompt. USB access is physical access."""

    minutes: int = csfield(Int8ub, "1 to 15, then the app comes back")


@dataclasses.dataclass
class SeenPut(DataclassMixin):
    """Backend to dispenser: somebody at the clinic has seen these records. A command."""

    counter: int = csfield(Int32ub, "greater than that of every command accepted before")
    mac: bytes = csfield(
        Bytes(MAC_SIZE), "over device id, type, counter and the fields after this"
    )
    epoch: int = csfield(Int32ub)
    next: int = csfield(Int32ub, "first seq not seen")


@dataclasses.dataclass
class SeenNow(DataclassMixin):
    """Dispenser to host, answer to SEEN: what the clinic has seen, as far as it knows."""

    counter: int = csfield(Int32ub, "last command counter accepted")
    next: int = csfield(Int32ub, "first seq not seen, of what was said since boot")
    refused: int = csfield(Int8ub, "RefusedReason; 0: none")


@dataclasses.dataclass
class EnterMode(DataclassMixin):
    """Host to dispenser: who is at it now. USB access is physical access."""

    mode: Mode = csfield(TEnum(Int8ub, Mode), "bench, or patient to end it at once")
    minutes: int = csfield(Int8ub, "1 to 15 of bench, then it ends; 0 with patient")


@dataclasses.dataclass
class ModeNow(DataclassMixin):
    """Dispenser to host, answer to MODE: who is at it, as it types its records."""

    mode: Mode = csfield(TEnum(Int8ub, Mode))


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
    MessageType.config_put: ConfigPut,
    MessageType.config_get: ConfigGet,
    MessageType.status: StatusGet,
    MessageType.log: LogGet,
    MessageType.release_begin: ReleaseBegin,
    MessageType.release_chunk: ReleaseChunk,
    MessageType.release_end: ReleaseEnd,
    MessageType.maintenance: EnterMaintenance,
    MessageType.error: Error,
    MessageType.seen: SeenPut,
    MessageType.mode: EnterMode,
}
TO_HOST: dict[MessageType, type[DataclassMixin]] = {
    MessageType.hello: Hello,
    MessageType.events: Events,
    MessageType.config_get: Config,
    MessageType.status: Status,
    MessageType.log: Log,
    MessageType.release_begin: ReleaseProgress,
    MessageType.error: Error,
    MessageType.seen: SeenNow,
    MessageType.mode: ModeNow,
}
