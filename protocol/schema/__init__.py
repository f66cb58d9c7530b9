"""Records and messages in bytes: the only definition, everything else is made from it.

All integers are big endian. A field's range is that of its type unless its note says less.
Device code is generated from here by `protocol.codegen`, which refuses what it cannot say.
"""

from typing import Any

from construct import Construct
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
    ReleaseAction,
    ReminderStep,
    ResetCause,
    Service,
    TamperKind,
    TimeSource,
    Trigger,
)
from protocol.schema.limits import (
    FIRST_TAG,
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
    Error,
    Events,
    Hello,
    HelloRequest,
    Range,
    Read,
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
    SettingsApplied,
    SettingsRefused,
    State,
    Suppressed,
    Tamper,
    TimeSet,
    WindowMissed,
)

__all__ = [
    "FIRST_TAG",
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
    "Ack",
    "Boot",
    "Dose",
    "DoseEnd",
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
    "Maintenance",
    "MessageType",
    "Mode",
    "Power",
    "PowerSource",
    "PromptExpired",
    "PromptShown",
    "Quality",
    "Range",
    "Read",
    "Record",
    "RecordType",
    "Refill",
    "RefillAction",
    "RefillCause",
    "RefusedReason",
    "Release",
    "ReleaseAction",
    "Reminder",
    "ReminderStep",
    "ResetCause",
    "Response",
    "Service",
    "SettingsApplied",
    "SettingsRefused",
    "State",
    "Suppressed",
    "Tamper",
    "TamperKind",
    "Time",
    "TimeSet",
    "TimeSource",
    "Trigger",
    "Watermark",
    "WindowMissed",
    "struct_of",
]

_ALL: list[type[DataclassMixin]] = [Record, *RECORD_DATA.values()]
_ALL += [*TO_DEVICE.values(), *TO_HOST.values()]
_STRUCTS: dict[type[DataclassMixin], "DataclassStruct[Any]"] = {
    cls: DataclassStruct(cls) for cls in _ALL
}


def struct_of(cls: type[DataclassMixin]) -> "Construct[Any, Any]":
    """Return the construct that parses and builds `cls`."""
    return _STRUCTS[cls]
