"""What each record type tells: one class a type, new fields only at its end.

A field added after version 1 stands in `Default`. Records made before it lack it, and read as if
it held zeros: so its code 0 must mean what those records meant.
"""

import dataclasses

from construct import (
    Bytes,
    GreedyBytes,
    Int8ub,
    Int16ub,
    Int32ub,
    Prefixed,
)
from construct_typed import DataclassMixin, TEnum, csfield

from protocol.schema.codes import (
    EpochReason,
    ExpiryReason,
    FaultKind,
    GapCause,
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
    TamperKind,
    TimeSource,
    Trigger,
    Work,
)
from protocol.schema.fields import added
from protocol.schema.limits import TAG_SIZE


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
    """Somebody is at work on it: took the prompt (the app stopped here), or began mode bench."""

    uptime: int = csfield(Int32ub, "s since boot")
    work: Work = added(TEnum(Int8ub, Work), Work.prompt, "added later; before: prompt")


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
    compartments: int = csfield(Int8ub, "bit 0 to 3: compartments reached in this opening")


@dataclasses.dataclass
class Dose(DataclassMixin):
    """A compartment's beam was broken with the lid open: access, not ingestion."""

    settings: int = csfield(Int16ub, "version of the settings in force")
    compartment: int = csfield(Int8ub, "1 to 4")
    window: int = csfield(Int8ub, "dose window it is compared with, 0: none")
    relation: Relation = csfield(TEnum(Int8ub, Relation))


@dataclasses.dataclass
class DoseEnd(DataclassMixin):
    """The beam is whole again: one access, however often it was broken."""

    settings: int = csfield(Int16ub, "version of the settings in force")
    compartment: int = csfield(Int8ub, "1 to 4")
    dwell: int = csfield(Int32ub, "ms, first break to last end; 0xFFFFFFFF: before this boot")
    breaks: int = csfield(Int8ub, "raw breaks merged into this access, at least 1; 255: or more")


@dataclasses.dataclass
class Response(DataclassMixin):
    """A symptom button was pressed."""

    settings: int = csfield(Int16ub, "version of the settings in force")
    button: int = csfield(Int8ub, "0 none to 4 very severe, verbal rating scale")
    question: int = csfield(Int8ub, "1 to 3; 0: unprompted, belongs to no question")
    prompt: int = csfield(Int32ub, "prompt answered; 0: unprompted")
    corrects: int = csfield(Int8ub, "1: replaces the response just before it, at most 10 s ago")


@dataclasses.dataclass
class Heartbeat(DataclassMixin):
    """Four a day: the dispenser is alive, and how well."""

    uptime: int = csfield(Int32ub, "s since boot")
    free: int = csfield(Int32ub, "bytes of heap free after collection")
    held: int = csfield(Int16ub, "records in the journal")
    battery: int = csfield(Int16ub, "mV; 0: not measured")
    source: PowerSource = csfield(TEnum(Int8ub, PowerSource))
    temperature: int = csfield(Int8ub, "degrees Celsius + 40; 255: not measured")
    clock_age: int = csfield(Int32ub, "s since the clock was set; 0xFFFFFFFF: never")
    worst_gap: int = csfield(Int16ub, "ms, how late a look of the watchdog task was at most")


@dataclasses.dataclass
class Power(DataclassMixin):
    """USB power came or went, or the battery reached a limit."""

    source: PowerSource = csfield(TEnum(Int8ub, PowerSource))
    battery: int = csfield(Int16ub, "mV; 0: not measured")


@dataclasses.dataclass
class SettingsApplied(DataclassMixin):
    """New settings are in force from this record on."""

    version: int = csfield(Int16ub, "version now in force")
    previous: int = csfield(Int16ub, "version in force before")
    counter: int = csfield(Int32ub, "counter of the command")


@dataclasses.dataclass
class SettingsRefused(DataclassMixin):
    """Settings were refused; nothing changed."""

    version: int = csfield(Int16ub, "version refused, 0 if unreadable")
    reason: RefusedReason = csfield(TEnum(Int8ub, RefusedReason))
    counter: int = csfield(Int32ub, "last counter accepted: where the sender continues")


@dataclasses.dataclass
class Release(DataclassMixin):
    """Firmware came, started, was confirmed, reverted or refused."""

    action: ReleaseAction = csfield(TEnum(Int8ub, ReleaseAction))
    major: int = csfield(Int8ub, "version the action is about")
    minor: int = csfield(Int8ub)
    patch: int = csfield(Int8ub)
    slot: int = csfield(Int8ub, "ASCII a or b")
    reason: int = csfield(Int8ub, "RefusedReason; 0 unless refused")
    counter: int = csfield(Int32ub, "last command counter accepted")


@dataclasses.dataclass
class Seen(DataclassMixin):
    """The clinic's word that it has seen records reached the dispenser, or was refused."""

    next: int = csfield(Int32ub, "first seq not seen")
    reason: int = csfield(Int8ub, "RefusedReason; 0: accepted")
    counter: int = csfield(Int32ub, "last command counter accepted")


@dataclasses.dataclass
class Fault(DataclassMixin):
    """Something is broken; what it would have said is not recorded as an event."""

    kind: FaultKind = csfield(TEnum(Int8ub, FaultKind))
    subject: int = csfield(Int8ub, "bit number of STATE.active; 255: none")
    value: int = csfield(Int32ub, "digest of the exception, edges counted, or error number")


@dataclasses.dataclass
class Tamper(DataclassMixin):
    """Something was done to the dispenser that is not use."""

    kind: TamperKind = csfield(TEnum(Int8ub, TamperKind))
    subject: int = csfield(Int8ub, "bit number of STATE.active; 255: none")


@dataclasses.dataclass
class PromptShown(DataclassMixin):
    """A question was lit."""

    settings: int = csfield(Int16ub, "version of the settings in force")
    question: int = csfield(Int8ub, "1 to 3")
    prompt: int = csfield(Int32ub, "new for every prompt, not 0")
    trigger: Trigger = csfield(TEnum(Int8ub, Trigger))


@dataclasses.dataclass
class PromptExpired(DataclassMixin):
    """A question went dark without an answer."""

    settings: int = csfield(Int16ub, "version of the settings in force")
    question: int = csfield(Int8ub, "1 to 3")
    prompt: int = csfield(Int32ub, "as in PROMPT_SHOWN")
    reason: ExpiryReason = csfield(TEnum(Int8ub, ExpiryReason))


@dataclasses.dataclass
class Reminder(DataclassMixin):
    """The dispenser asked for a dose."""

    settings: int = csfield(Int16ub, "version of the settings in force")
    window: int = csfield(Int8ub, "dose window, 1 to 255 as in the settings")
    step: ReminderStep = csfield(TEnum(Int8ub, ReminderStep))


@dataclasses.dataclass
class WindowMissed(DataclassMixin):
    """A dose window ended without access to its compartment."""

    settings: int = csfield(Int16ub, "version of the settings in force")
    window: int = csfield(Int8ub, "dose window, 1 to 255 as in the settings")
    compartment: int = csfield(Int8ub, "1 to 4")
    start: int = csfield(Int32ub, "s since 2024-01-01 UTC, when the window began")


@dataclasses.dataclass
class Refill(DataclassMixin):
    """A refill started, ended, or is possible."""

    settings: int = csfield(Int16ub, "version of the settings in force")
    action: RefillAction = csfield(TEnum(Int8ub, RefillAction))
    cause: RefillCause = csfield(TEnum(Int8ub, RefillCause))
    compartments: int = csfield(Int8ub, "bit 0 to 3: compartments reached so far")


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
    RecordType.heartbeat: Heartbeat,
    RecordType.power: Power,
    RecordType.settings_applied: SettingsApplied,
    RecordType.settings_refused: SettingsRefused,
    RecordType.release: Release,
    RecordType.fault: Fault,
    RecordType.tamper: Tamper,
    RecordType.prompt_shown: PromptShown,
    RecordType.prompt_expired: PromptExpired,
    RecordType.reminder: Reminder,
    RecordType.window_missed: WindowMissed,
    RecordType.refill: Refill,
    RecordType.seen: Seen,
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
