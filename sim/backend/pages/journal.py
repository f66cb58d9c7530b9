"""A dispenser's journal written by arithmetic instead of by a board: real bytes, real tags."""

import dataclasses
import datetime as dt

from construct_typed import DataclassMixin

from protocol.chain import BLOCK_BITS, BlockKeys, root_key, tag
from protocol.schema import (
    FIRST_TAG,
    RECORD_DATA,
    TIME_BASE,
    Epoch,
    EpochReason,
    Events,
    Mode,
    Quality,
    Record,
    TimeSet,
    TimeSource,
)
from protocol.wire import build

_TYPES = {cls: kind for kind, cls in RECORD_DATA.items()}
_UNCERTAINTY_MS = 50
_MOST = 100
"""Records of one EVENTS: some 3 kB."""


@dataclasses.dataclass
class Journal:
    """Writes records of one epoch; `drain` hands over what was written since the last time."""

    dispenser: str
    epoch: int
    secret: bytes
    boot: int = 1

    def __post_init__(self) -> None:
        self._keys = BlockKeys(root_key(self.secret, bytes.fromhex(self.dispenser), self.epoch))
        self._next = 0
        self._tag = FIRST_TAG
        self._first_tag = FIRST_TAG
        self._waiting: list[bytes] = []

    def born(self, at: dt.datetime) -> None:
        """Write seq 0."""
        self.write(at, Epoch(self.epoch, 0, EpochReason.provisioned, bytes(8)))

    def set_clock(self, at: dt.datetime) -> None:
        """Write that the clock was set, and was right."""
        seconds, ms = _record_time(at)
        times = (seconds, ms, Quality.rtc, seconds, ms)
        self.write(at, TimeSet(1, 0, *times, _UNCERTAINTY_MS, TimeSource.gateway))

    def write(self, at: dt.datetime, data: DataclassMixin, mode: Mode = Mode.patient) -> None:
        """Append a record."""
        seconds, ms = _record_time(at)
        stamp = int(Quality.synced) << 14 | int(mode) << 12 | ms
        kind = int(_TYPES[type(data)])
        record = Record(self._next, self.boot, seconds, stamp, kind, build(data), FIRST_TAG)
        untagged = build(record)[: -len(FIRST_TAG)]
        self._tag = tag(self._keys[self._next >> BLOCK_BITS], self._tag, untagged)
        self._waiting.append(untagged + self._tag)
        self._next += 1

    def drain(self) -> list[bytes]:
        """Return the EVENTS payloads of what waits."""
        payloads = []
        while self._waiting:
            raws, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            payloads.append(build(Events(self.epoch, self._first_tag, len(raws), b"".join(raws))))
            self._first_tag = raws[-1][-len(FIRST_TAG) :]
        return payloads


def _record_time(at: dt.datetime) -> tuple[int, int]:
    ms = round(at.timestamp() * 1000)
    return ms // 1000 - TIME_BASE, ms % 1000
