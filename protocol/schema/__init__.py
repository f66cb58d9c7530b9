"""Records and messages in bytes: the only definition, everything else is made from it.

All integers are big endian. A field's range is that of its type unless its note says less.
Device code is generated from here by `protocol.codegen`, which refuses what it cannot say.
"""

import dataclasses
from typing import Any

from construct import Construct, Default
from construct_typed import DataclassMixin, DataclassStruct

from protocol.schema.codes import (
    EpochReason,
    ErrorCode,
    ExpiryReason,
    FaultKind,
    GapCause,
    MessageType,
    Mode,
    PowerSource,
    Quality,
    RecordType,
    RefillAction,
    RefillCause,
    RefusedReason,
    Relation,
    ReleaseAction,
    ReminderStep,
    ResetCause,
    Service,
    TamperKind,
    TimeSource,
    Trigger,
    Work,
)
from protocol.schema.limits import (
    FIRST_TAG,
    MAC_SIZE,
    MAX_BODY,
    MAX_RECORD,
    MAX_WINDOW,
    PROTOCOL_VERSION,
    TAG_SIZE,
    TIME_BASE,
    UNKNOWN_DURATION,
)
from protocol.schema.messages import (
    TO_DEVICE,
    TO_HOST,
    Ack,
    Config,
    ConfigGet,
    ConfigPut,
    EnterMaintenance,
    EnterMode,
    Error,
    Events,
    Hello,
    HelloRequest,
    Log,
    LogGet,
    ModeNow,
    Range,
    Read,
    ReleaseBegin,
    ReleaseChunk,
    ReleaseEnd,
    ReleaseProgress,
    SeenNow,
    SeenPut,
    Status,
    StatusGet,
    Time,
    Watermark,
)
from protocol.schema.records import (
    RECORD_DATA,
    Boot,
    Dose,
    DoseEnd,
    Epoch,
    Fault,
    Gap,
    Heartbeat,
    LidClosed,
    LidOpened,
    Maintenance,
    Power,
    PromptExpired,
    PromptShown,
    Record,
    Refill,
    Release,
    Reminder,
    Response,
    Seen,
    SettingsApplied,
    SettingsRefused,
    State,
    Suppressed,
    Tamper,
    TimeSet,
    WindowMissed,
)
from protocol.schema.settings import UTC_OFFSET_BIAS, Question, Settings, Transition, Window

__all__ = [
    "FIRST_TAG",
    "MAC_SIZE",
    "MAX_BODY",
    "MAX_RECORD",
    "MAX_WINDOW",
    "PROTOCOL_VERSION",
    "RECORD_DATA",
    "TAG_SIZE",
    "TIME_BASE",
    "TO_DEVICE",
    "TO_HOST",
    "UNKNOWN_DURATION",
    "UTC_OFFSET_BIAS",
    "Ack",
    "Boot",
    "Config",
    "ConfigGet",
    "ConfigPut",
    "Dose",
    "DoseEnd",
    "EnterMaintenance",
    "EnterMode",
    "Epoch",
    "EpochReason",
    "Error",
    "ErrorCode",
    "Events",
    "ExpiryReason",
    "Fault",
    "FaultKind",
    "Gap",
    "GapCause",
    "Heartbeat",
    "Hello",
    "HelloRequest",
    "LidClosed",
    "LidOpened",
    "Log",
    "LogGet",
    "Maintenance",
    "MessageType",
    "Mode",
    "ModeNow",
    "Power",
    "PowerSource",
    "PromptExpired",
    "PromptShown",
    "Quality",
    "Question",
    "Range",
    "Read",
    "Record",
    "RecordType",
    "Refill",
    "RefillAction",
    "RefillCause",
    "RefusedReason",
    "Relation",
    "Release",
    "ReleaseAction",
    "ReleaseBegin",
    "ReleaseChunk",
    "ReleaseEnd",
    "ReleaseProgress",
    "Reminder",
    "ReminderStep",
    "ResetCause",
    "Response",
    "Seen",
    "SeenNow",
    "SeenPut",
    "Service",
    "Settings",
    "SettingsApplied",
    "SettingsRefused",
    "State",
    "Status",
    "StatusGet",
    "Suppressed",
    "Tamper",
    "TamperKind",
    "Time",
    "TimeSet",
    "TimeSource",
    "Transition",
    "Trigger",
    "Watermark",
    "Window",
    "WindowMissed",
    "Work",
    "struct_of",
]

_ALL: list[type[DataclassMixin]] = [Record, Settings, *RECORD_DATA.values()]
_ALL += [*TO_DEVICE.values(), *TO_HOST.values()]
_STRUCTS: dict[type[DataclassMixin], "DataclassStruct[Any]"] = {
    cls: DataclassStruct(cls) for cls in _ALL
}


def missing(cls: type[DataclassMixin], size: int) -> int:
    """Return how many bytes older data of `size` bytes lacks: those of fields added later.

    0 if none of today's fields is missing, or if no sender ever made data of that size.
    """
    subcons = [field.metadata["subcon"] for field in dataclasses.fields(cls)]
    whole = shorter = sum(int(subcon.sizeof()) for subcon in subcons)
    while isinstance(getattr(subcons[-1], "subcon", None), Default):
        shorter -= int(subcons.pop().sizeof())
        if size == shorter:
            return whole - shorter
    return 0


def struct_of(cls: type[DataclassMixin]) -> "Construct[Any, Any]":
    """Return the construct that parses and builds `cls`."""
    return _STRUCTS[cls]
