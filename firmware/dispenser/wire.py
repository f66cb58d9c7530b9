# Generated from protocol/schema by protocol/codegen.py: do not edit.
import struct

from micropython import const

VERSION = const(1)
TIME_BASE = const(1704067200)
MAX_RECORD = const(64)
MAX_BODY = const(1024)
MAX_WINDOW = const(2048)
UNKNOWN_DURATION = const(4294967295)

EPOCH = const(1)
BOOT = const(2)
TIME_SET = const(3)
GAP = const(4)
STATE = const(5)
MAINTENANCE = const(6)
SUPPRESSED = const(7)
HEARTBEAT = const(8)
POWER = const(9)
SETTINGS_APPLIED = const(10)
SETTINGS_REFUSED = const(11)
RELEASE = const(12)
FAULT = const(13)
TAMPER = const(14)
SEEN = const(15)
LID_OPENED = const(32)
LID_CLOSED = const(33)
DOSE = const(34)
DOSE_END = const(35)
RESPONSE = const(36)
PROMPT_SHOWN = const(37)
PROMPT_EXPIRED = const(38)
REMINDER = const(39)
WINDOW_MISSED = const(40)
REFILL = const(41)

QUALITY_UPTIME = const(0)
QUALITY_RTC = const(1)
QUALITY_SYNCED = const(2)

MODE_PATIENT = const(0)
MODE_REFILL = const(1)
MODE_TECHNICIAN = const(2)
MODE_BENCH = const(3)

REASON_PROVISIONED = const(1)
REASON_REPLACED = const(2)

CAUSE_POWER = const(1)
CAUSE_WATCHDOG_OR_RESET = const(3)

GAP_TRIMMED = const(1)
GAP_DAMAGED = const(2)

SOURCE_GATEWAY = const(1)
SOURCE_TECHNICIAN = const(2)

SERVICE_OK = const(0)
SERVICE_UNPROVISIONED = const(1)
SERVICE_KEY_LOST = const(2)
SERVICE_JOURNAL_LOST = const(3)

ERROR_UNKNOWN_MESSAGE = const(1)
ERROR_MALFORMED = const(2)
ERROR_WRONG_EPOCH = const(3)
ERROR_NOT_PROVISIONED = const(4)
ERROR_OUT_OF_RANGE = const(5)

MESSAGE_HELLO = const(1)
MESSAGE_READ = const(2)
MESSAGE_EVENTS = const(3)
MESSAGE_ACK = const(4)
MESSAGE_WATERMARK = const(5)
MESSAGE_TIME = const(6)
MESSAGE_CONFIG_PUT = const(7)
MESSAGE_CONFIG_GET = const(8)
MESSAGE_STATUS = const(9)
MESSAGE_LOG = const(10)
MESSAGE_RELEASE_BEGIN = const(11)
MESSAGE_RELEASE_CHUNK = const(12)
MESSAGE_RELEASE_END = const(13)
MESSAGE_MAINTENANCE = const(14)
MESSAGE_ERROR = const(15)
MESSAGE_SEEN = const(16)
MESSAGE_MODE = const(17)

RECORD = (">LHLHB", 1, ">8s")  # seq boot time stamp type data tag
SETTINGS = (">HBBHHBB", (">LH",), (">BBBHHB",), (">BBBHH",))
DATA = {
    1: ">LLB8s",  # epoch, previous, reason, board_id
    2: ">BHBBB",  # cause, skipped, major, minor, patch
    3: ">LHLHBLHLB",  # uptime, uptime_ms, old, old_ms, old_quality, new, new_ms, uncertainty, source
    4: ">LLB",  # first, last, cause
    5: ">HH",  # settings, active
    6: ">LB",  # uptime, work
    7: ">BH",  # type, count
    32: ">H",  # settings
    33: ">HLB",  # settings, duration, compartments
    34: ">HBBB",  # settings, compartment, window, relation
    35: ">HBLB",  # settings, compartment, dwell, breaks
    36: ">HBBLB",  # settings, button, question, prompt, corrects
    8: ">LLHHBBLH",  # uptime, free, held, battery, source, temperature, clock_age, worst_gap
    9: ">BH",  # source, battery
    10: ">HHL",  # version, previous, counter
    11: ">HBL",  # version, reason, counter
    12: ">BBBBBBL",  # action, major, minor, patch, slot, reason, counter
    13: ">BBL",  # kind, subject, value
    14: ">BB",  # kind, subject
    37: ">HBLB",  # settings, question, prompt, trigger
    38: ">HBLB",  # settings, question, prompt, reason
    39: ">HBB",  # settings, window, step
    40: ">HBBL",  # settings, window, compartment, start
    41: ">HBBB",  # settings, action, cause, compartments
    15: ">LBL",  # next, reason, counter
}
RX = {
    1: ">BBB",  # oldest, newest, away
    2: ">LLH",  # epoch, start, window
    4: ">LL",  # epoch, next
    5: (">LL8sLL", (">LL",), (">L",)),  # epoch, next, tag, store, rev, ranges, refused
    6: ">LHLB",  # time, ms, uncertainty, source
    7: (">L16s", 0),  # counter, mac, settings
    8: (),  # 
    9: (),  # 
    10: ">H",  # window
    11: ">L16sBBBBH32s",  # counter, mac, major, minor, patch, files, size, manifest
    12: (">BL", 0),  # file, offset, data
    13: (),  # 
    14: ">B",  # minutes
    15: (">BB", 0),  # code, type, text
    16: ">L16sLL",  # counter, mac, epoch, next
    17: ">BB",  # mode, minutes
}
TX = {
    1: ">8s8sBBBBBHLLL8sLLBL",  # device_id, board, major, minor, patch, version, service, boot, epoch, first, next, tag, uptime, time, quality, nonce
    3: (">L8sB", 0),  # epoch, previous, count, records
    8: (">L", 0),  # counter, settings
    9: ">LLHHHHL",  # uptime, free, active, battery, worst_gap, bad_frames, watermark
    10: (">H", 0),  # dropped, text
    11: ">BLB",  # file, offset, refused
    15: (">BB", 0),  # code, type, text
    16: ">LLB",  # counter, next, refused
    17: ">B",  # mode
}

def pack(layout, *values):
    # bytes of a layout; ValueError where a value does not fit its field
    out = b""
    at = 0
    for part in (layout,) if isinstance(layout, str) else layout:
        if part == 0:
            out += values[at]
            at += 1
        elif part == 1:
            out += _fit(">B", (len(values[at]),)) + values[at]
            at += 1
        elif isinstance(part, tuple):
            items = values[at]
            out += _fit(">B", (len(items),))
            for item in items:
                out += _fit(part[0], item if isinstance(item, tuple) else (item,))
            at += 1
        else:
            end = at + _count(part)
            out += _fit(part, values[at:end])
            at = end
    if at != len(values):
        raise ValueError("values")
    return out


def unpack(layout, data, start=0):
    # (values, end); bytes after the last part belong to a newer sender
    values = []
    for part in (layout,) if isinstance(layout, str) else layout:
        if part == 0:
            values.append(bytes(data[start:]))
            start = len(data)
        elif part == 1:
            (size,) = _cut(">B", data, start)
            start += 1 + size
            if start > len(data):
                raise ValueError("short")
            values.append(bytes(data[start - size : start]))
        elif isinstance(part, tuple):
            (count,) = _cut(">B", data, start)
            start += 1
            step = struct.calcsize(part[0])
            items = []
            for _ in range(count):
                item = _cut(part[0], data, start)
                items.append(item if len(item) > 1 else item[0])
                start += step
            values.append(items)
        else:
            values.extend(_cut(part, data, start))
            start += struct.calcsize(part)
    return values, start


def _cut(form, data, start):
    if start + struct.calcsize(form) > len(data):
        raise ValueError("short")
    return struct.unpack_from(form, data, start)


def _fit(form, values):
    # struct.pack truncates silently on the device: what comes back must be what went in
    try:
        out = struct.pack(form, *values)
        if struct.unpack(form, out) == tuple(values):
            return out
    except Exception:
        pass
    raise ValueError("range")


def _count(form):
    # fields of a struct format: one per letter
    n = 0
    for c in form[1:]:
        n += c > "9"
    return n
