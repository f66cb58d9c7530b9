"""Verified records as events placed in time, with what that place rests on and who disputes it.

A fork or a refused record never becomes an event. Disputed events are kept, shown, not counted.
"""

import bisect
import dataclasses
import datetime as dt
import itertools
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from construct_typed import DataclassMixin

from protocol.schema import TIME_BASE, Mode, Quality, Record, RecordType, TimeSet
from protocol.wire import WireError, parse_data, record_of
from sim.backend.evidence.dates import DAY_CUT, adherence_day, civil_date
from sim.backend.placement import DRIFT_PPM, Basis, place
from sim.backend.store import Store
from sim.backend.tables import VERIFIED, StoredRecord

RTC_PPM = 10
"""Bound of the DS3231 (data sheet, 19-5170: 3.5 ppm from -40 to +85 °C, ageing 5 ppm in ten
years), rounded up: what a time may be off by for each second since the clock was set."""
STEP_MS = 5 * 60 * 1000
"""A clock found to be further off, or a contradiction larger than this, disputes a time."""


class Dispute(Enum):
    """Why a time is not believed."""

    NONE = ""
    UPTIME = "the uptime ran backwards"
    STEP = "the clock was found more than 5 min wrong afterwards"
    FUTURE = "later than its receipt"
    ORDER = "contradicts the times of records before or after it"


class Key(NamedTuple):
    """What names a record everywhere."""

    dispenser: str
    epoch: int
    seq: int


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """A verified record. Times in unix ms; `at` and its half width `width` None: not known.

    `data` None: of a type this version does not know, or shorter than its type needs.
    """

    key: Key
    boot: int
    kind: int
    mode: Mode
    data: DataclassMixin | None
    at: int | None
    width: int | None
    basis: Basis
    received: int
    dispute: Dispute = Dispute.NONE

    @property
    def sure(self) -> tuple[int, int] | None:
        """Earliest and latest it can have been; None: not known, or disputed."""
        if self.at is None or self.width is None or self.dispute is not Dispute.NONE:
            return None
        return self.at - self.width, self.at + self.width

    def date(self, zone: dt.tzinfo) -> dt.date | None:
        """Return its civil date, None where uncertainty or dispute leaves more than one."""
        return self._only(lambda at: civil_date(at, zone))

    def day(self, zone: dt.tzinfo, cut: dt.time = DAY_CUT) -> dt.date | None:
        """Return its adherence day, None where uncertainty or dispute leaves more than one."""
        return self._only(lambda at: adherence_day(at, zone, cut))

    def _only(self, name: Callable[[int], dt.date]) -> dt.date | None:
        if self.sure is None:
            return None
        first, last = map(name, self.sure)
        return first if first == last else None


def events(rows: Iterable[StoredRecord]) -> list[Event]:
    """Return the events of all verified rows, by key, whatever their order."""
    verified = sorted((row for row in rows if row.status == VERIFIED), key=_key)
    streams = itertools.groupby(verified, key=lambda row: (row.dispenser, row.epoch))
    return [event for _, stream in streams for event in _stream(list(stream))]


def load(store: Store) -> list[Event]:
    """Return the events of everything that a store has verified."""
    streams = ((stream.dispenser, stream.epoch) for stream in store.streams())
    return events(row for stream in streams for row in store.records(*stream))


def _key(row: StoredRecord) -> Key:
    return Key(row.dispenser, row.epoch, row.seq)


class _Set(NamedTuple):
    seq: int
    boot: int
    data: TimeSet

    @property
    def new(self) -> int:
        return (self.data.new + TIME_BASE) * 1000 + self.data.new_ms

    @property
    def steps(self) -> bool:
        """Whether a clock that had been set turned out wrong."""
        old = (self.data.old + TIME_BASE) * 1000 + self.data.old_ms
        return self.data.old_quality != Quality.uptime and abs(self.new - old) > STEP_MS


def _set_seq(setting: _Set) -> int:
    return setting.seq


def _stream(rows: Sequence[StoredRecord]) -> list[Event]:
    records = [record_of(row.raw) for row in rows]
    data = [_data(record) for record in records]
    sets = [
        _Set(record.seq, record.boot, item)
        for record, item in zip(records, data, strict=True)
        if isinstance(item, TimeSet)
    ]
    boots: dict[int, list[Record]] = {}
    for record in records:
        boots.setdefault(record.boot, []).append(record)
    places = {spot.seq: spot for boot in boots.values() for spot in place(boot)}
    index = {record.seq: n for n, record in enumerate(records)}
    found = []
    for row, record, item in zip(rows, records, data, strict=True):
        spot = places[record.seq]
        width = spot.uncertainty_ms
        if spot.basis in (Basis.SYNCED, Basis.RTC):
            width = _width(spot.unix_ms, record, spot.basis, sets, index)
        event = Event(
            key=_key(row),
            boot=record.boot,
            kind=int(record.type),
            mode=record.mode,
            data=item,
            at=spot.unix_ms,
            width=width,
            basis=spot.basis,
            received=row.stored_at // 1000,
        )
        found.append(dataclasses.replace(event, dispute=_dispute(event, sets)))
    return _contradicted(found)


def _data(record: Record) -> DataclassMixin | None:
    try:
        return parse_data(record)
    except WireError:
        return None


def _width(
    at: int | None, record: Record, basis: Basis, sets: Sequence[_Set], index: dict[int, int]
) -> int | None:
    """Grow the uncertainty of the last TIME_SET by what the clock may have drifted since.

    Unknown if a record between is not held: it may have set the clock.
    """
    before = bisect.bisect_right(sets, record.seq, key=_set_seq)
    if at is None or not before:
        return None
    last = sets[before - 1]
    held = index[record.seq] - index[last.seq] == record.seq - last.seq
    if not held or (basis is Basis.SYNCED and last.boot != record.boot):
        return None
    ppm = RTC_PPM if basis is Basis.RTC else DRIFT_PPM
    return last.data.uncertainty + -(-abs(at - last.new) * ppm // 1_000_000)


def _dispute(event: Event, sets: Sequence[_Set]) -> Dispute:
    if event.basis is Basis.DISPUTED:
        return Dispute.UPTIME
    if event.at is None:
        return Dispute.NONE
    if event.basis in (Basis.SYNCED, Basis.RTC):
        after = bisect.bisect_right(sets, event.key.seq, key=_set_seq)
        if after < len(sets) and sets[after].steps:
            return Dispute.STEP
    if event.at - (event.width or 0) > event.received + STEP_MS:
        return Dispute.FUTURE
    return Dispute.NONE


def _contradicted(found: list[Event]) -> list[Event]:
    """Dispute times that the order of seqs forbids; what the RTC alone says counts for less."""
    forward = _against(found, 1)
    backward = _against(found[::-1], -1)[::-1]
    return [
        dataclasses.replace(event, dispute=Dispute.ORDER) if before or after else event
        for event, before, after in zip(found, forward, backward, strict=True)
    ]


def _against(found: Sequence[Event], sign: int) -> list[bool]:
    strong = weak = None
    wrong = []
    for event in found:
        if event.at is None or event.dispute is not Dispute.NONE:
            wrong.append(False)
            continue
        at = sign * event.at
        if event.basis is Basis.RTC:
            wrong.append(_behind(at, strong) or _behind(at, weak))
            weak = at if weak is None else max(weak, at)
        else:
            wrong.append(_behind(at, strong))
            strong = at if strong is None else max(strong, at)
    return wrong


def _behind(at: int, limit: int | None) -> bool:
    return limit is not None and at + STEP_MS < limit


def accesses(found: Iterable[Event]) -> list[Event]:
    """Return the DOSE events: compartments reached. A STATE is none, whatever it shows."""
    return [event for event in found if event.kind == RecordType.dose and event.data is not None]
