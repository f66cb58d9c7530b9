"""Numbers with names: every code that a record or a message can hold."""

from construct_typed import EnumBase


class RecordType(EnumBase):
    """What a record tells. Below 0x20: about the dispenser; from 0x20: about the patient."""

    epoch = 0x01
    boot = 0x02
    time_set = 0x03
    gap = 0x04
    state = 0x05
    maintenance = 0x06
    suppressed = 0x07
    heartbeat = 0x08
    power = 0x09
    settings_applied = 0x0A
    settings_refused = 0x0B
    release = 0x0C
    fault = 0x0D
    tamper = 0x0E
    seen = 0x0F
    lid_opened = 0x20
    lid_closed = 0x21
    dose = 0x22
    dose_end = 0x23
    response = 0x24
    prompt_shown = 0x25
    prompt_expired = 0x26
    reminder = 0x27
    window_missed = 0x28
    refill = 0x29


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


class PowerSource(EnumBase):
    """What feeds the dispenser."""

    battery = 0
    usb = 1


class RefusedReason(EnumBase):
    """Why a command changed nothing."""

    mac = 1
    counter = 2
    malformed = 3
    unsupported = 4
    rule = 5  # well formed, but the rules forbid it (a window inside quiet hours, say)
    board = 6  # a release for other boards
    version = 7  # a release that is not newer than the one that runs
    micropython = 8  # a release for a newer MicroPython
    protocol = 9  # a release that speaks another protocol version
    size = 10  # larger than a release may be, or no room for it
    digest = 11  # the bytes are not those announced


class ReleaseAction(EnumBase):
    """What happened to a release."""

    received = 1
    started = 2  # first boot of it
    confirmed = 3
    reverted = 4
    refused = 5


class FaultKind(EnumBase):
    """What is broken."""

    stuck = 1
    chatter = 2
    impossible = 3  # a combination that hands cannot make
    clock = 4
    key_store = 5
    flash = 6
    crash = 7
    memory = 8


class TamperKind(EnumBase):
    """What was done to the dispenser that is not use."""

    opened_case = 1
    beam_without_lid = 2
    prompt_taken = 3  # a REPL session wrote to the file system


class Work(EnumBase):
    """What somebody does who is at work on the dispenser."""

    prompt = 0  # took the prompt: the app stopped
    bench = 1  # began mode bench by a message


class Relation(EnumBase):
    """What a dose has to do with the dose windows."""

    none = 0  # no window to compare with, or no time of day known
    in_window = 1
    out_of_window = 2
    wrong_compartment = 3  # a window is open, but not for this compartment
    excess = 4  # this window had its dose already


class Trigger(EnumBase):
    """Why a question was lit."""

    after_dose = 1
    set_time = 2


class ExpiryReason(EnumBase):
    """Why a question went dark unanswered."""

    timeout = 1
    power = 2
    settings = 3


class ReminderStep(EnumBase):
    """How loudly a reminder asked."""

    light = 1
    chime = 2
    stopped = 3


class RefillAction(EnumBase):
    """Where a refill stands."""

    started = 1
    ended = 2
    possible = 3  # looks like one, nobody pressed the service button


class RefillCause(EnumBase):
    """What made the refill start or end."""

    button = 1
    timeout = 2
    lid_closed = 3
    pattern = 4  # three compartments in one opening, or the lid open for over 3 min


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


class MessageType(EnumBase):
    """What a frame carries."""

    hello = 0x01
    read = 0x02
    events = 0x03
    ack = 0x04
    watermark = 0x05
    time = 0x06
    config_put = 0x07
    config_get = 0x08
    status = 0x09
    log = 0x0A
    release_begin = 0x0B
    release_chunk = 0x0C
    release_end = 0x0D
    maintenance = 0x0E
    error = 0x0F
    seen = 0x10
    mode = 0x11
