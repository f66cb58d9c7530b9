"""Places the records of one boot in time, afterwards, by what that boot itself recorded.

Nothing is guessed: what no TIME_SET places stays without a time.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from protocol.schema import TIME_BASE, Quality, Record, RecordType, TimeSet
from protocol.wire import WireError, parse_data

DRIFT_PPM = 100
"""Bound of the Pico's 12 MHz crystal (Abracon ABM8-272-T3: tolerance and stability of 30 ppm
each), with ageing rounded up: what a time counted back from a TIME_SET may be off."""


class Basis(Enum):
    """What a place in time rests on."""

    SYNCED = "synced"
    RTC = "rtc"
    TIME_SET = "time_set"
    UNKNOWN = "unknown"
    DISPUTED = "disputed"


class Placed(NamedTuple):
    """A record's time in unix ms and its half width in ms; None: not known."""

    seq: int
    unix_ms: int | None
    uncertainty_ms: int | None
    basis: Basis


def place(records: Iterable[Record]) -> list[Placed]:
    """Place the records of one boot of one dispenser and epoch, returned by seq.

    `synced`: as recorded, as uncertain as the TIME_SET before it said. `rtc`: as recorded, its
    uncertainty unknown. `uptime`: counted back from the first TIME_SET that is not before it;
    without one unknown; disputed where that TIME_SET's uptime is less than the record's own.
    Raises ValueError if records of several boots are given.
    """
    ordered = sorted(records, key=lambda record: record.seq)
    if len({record.boot for record in ordered}) > 1:
        raise ValueError("records of several boots: each has its own uptime")
    sets = [(record.seq, data) for record in ordered if (data := _time_set(record)) is not None]
    return [_place(record, sets) for record in ordered]


def _place(record: Record, sets: Sequence[tuple[int, TimeSet]]) -> Placed:
    if record.quality == Quality.uptime:
        after = next((data for seq, data in sets if seq >= record.seq), None)
        return _count_back(record, after)
    recorded = _ms(record.time + TIME_BASE, record.ms)
    if record.quality == Quality.rtc:
        return Placed(record.seq, recorded, None, Basis.RTC)
    if record.quality == Quality.synced:
        widths = [data.uncertainty for seq, data in sets if seq <= record.seq]
        return Placed(record.seq, recorded, widths[-1] if widths else None, Basis.SYNCED)
    return Placed(record.seq, None, None, Basis.UNKNOWN)


def _count_back(record: Record, after: TimeSet | None) -> Placed:
    if after is None:
        return Placed(record.seq, None, None, Basis.UNKNOWN)
    elapsed = _ms(after.uptime, after.uptime_ms) - _ms(record.time, record.ms)
    if elapsed < 0:
        return Placed(record.seq, None, None, Basis.DISPUTED)
    drift = -(-elapsed * DRIFT_PPM // 1_000_000)
    at = _ms(after.new + TIME_BASE, after.new_ms) - elapsed
    return Placed(record.seq, at, after.uncertainty + drift, Basis.TIME_SET)


def _time_set(record: Record) -> TimeSet | None:
    if record.type != RecordType.time_set:
        return None
    try:
        data = parse_data(record)
    except WireError:
        return None
    return data if isinstance(data, TimeSet) else None


def _ms(seconds: int, ms: int) -> int:
    return seconds * 1000 + ms
