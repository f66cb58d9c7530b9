"""What the dispenser is told of the time, and what its clock then shows.

| told                                                | record                                   |
|-----------------------------------------------------|------------------------------------------|
| for the first time since the boot                   | TIME_SET                                 |
| more than 200 ms from what the clock shows          | TIME_SET                                 |
| nearer                                              | nothing                                  |
| more than a day before what a record with a right   | FAULT(clock), once a boot                |
| clock has told, but not by a technician             |                                          |

The RTC carries the time over a boot. All other records tell what the clock showed: `shown`.
"""

import bisect
import dataclasses
from collections.abc import Iterable, Sequence

from protocol.schema import TIME_BASE, FaultKind, TimeSource
from sim.expected.terms import MS, TIME_NS, Boot, Expected

_SECOND_NS = 1000 * MS
_NEAR_NS = 200 * MS
_DAY_NS = 86_400 * _SECOND_NS
_NO_INPUT = 255


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """A host said at `t` that it is `shows` (both Unix ns), give or take `uncertainty` ms."""

    t: int
    shows: int
    uncertainty: int
    source: TimeSource


Step = tuple[int, int]
"""From when the clock is how far ahead of the truth (ns)."""


def told(
    dispenser: str, lives: Sequence[Boot], said: Iterable[Said]
) -> tuple[list[Expected], list[Step]]:
    """Return the records that come of it, and the steps of the clock, which was right before."""
    found: list[Expected] = []
    steps: list[Step] = [(0, 0)]
    known = 0  # the latest time that was right, as far as the dispenser knows
    synced: set[int] = set()
    refused: set[int] = set()
    for one in said:
        n = next((n for n, boot in enumerate(lives) if boot.start < one.t < boot.end), None)
        if n is None:
            continue
        if one.source != TimeSource.technician and one.shows < known - _DAY_NS:
            found += [] if n in refused else [_refused(dispenser, n, one)]
            refused.add(n)
            continue
        ahead = one.shows - one.t
        if n not in synced or abs(ahead - steps[-1][1]) > _NEAR_NS:
            found.append(_set(dispenser, n, one))
        steps.append((one.t, ahead))
        synced.add(n)
        known = one.shows
    return found, steps


def shown(records: Iterable[Expected], steps: Sequence[Step]) -> list[Expected]:
    """Return the records with the times that the clock showed."""
    moments = [t for t, _ in steps]

    def ahead(t: int) -> int:
        return steps[bisect.bisect_right(moments, t) - 1][1]

    return [
        record
        if record.kind == "time_set"
        else dataclasses.replace(record, t=record.t + ahead(record.t))
        for record in records
    ]


def _set(dispenser: str, n: int, one: Said) -> Expected:
    fields = (
        ("new", one.shows // _SECOND_NS - TIME_BASE),
        ("uncertainty", one.uncertainty),
        ("source", int(one.source)),
    )
    return Expected(
        dispenser, "time_set", fields, one.shows, one.t, "clock", within=TIME_NS, boot=n
    )


def _refused(dispenser: str, n: int, one: Said) -> Expected:
    fields = (
        ("kind", int(FaultKind.clock)),
        ("subject", _NO_INPUT),
        ("value", one.shows // _SECOND_NS - TIME_BASE),
    )
    return Expected(dispenser, "fault", fields, one.t, one.t, "clock", within=TIME_NS, boot=n)
