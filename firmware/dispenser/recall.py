# What the journal still knows of the patient's day after a boot.
import struct

from micropython import const

from dispenser import wire

_RECORDS = const(64)  # the newest
_BYTES = const(1000)  # read at once
_PATIENT = const(0x20)
_DATA_AT = const(14)
_TAG = const(8)


def recent(journal):
    # (type, values, s of the day) of the patient's newest records, the oldest first
    at = max(journal.first, journal.next - _RECORDS)
    while at < journal.next:
        found = journal.read(at, _BYTES)
        if not found:
            return
        _, blob, _, at = found
        start = 0
        while start < len(blob):
            size = _DATA_AT + blob[start + _DATA_AT - 1] + _TAG
            told = _told(blob[start : start + size])
            if told:
                yield told
            start += size


def _told(raw):
    time, stamp, kind = struct.unpack_from(">LHB", raw, 6)
    layout = wire.DATA.get(kind)
    if kind < _PATIENT or layout is None or stamp >> 14 == wire.QUALITY_UPTIME:
        return None
    try:
        return kind, wire.unpack(layout, raw[:-_TAG], _DATA_AT)[0], time
    except ValueError:
        return None  # written by an older release
