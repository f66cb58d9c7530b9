"""What edges settle to: changes, and doubts about the input.

| edges                                 | become                                              |
|---------------------------------------|-----------------------------------------------------|
| a level that stays for the debounce   | a change, of the time of the first edge             |
| none that stays within 500 ms         | FAULT(chatter); then one that stays for 1 s is a    |
|                                       | change, of the time of the last edge                |
| changes when none is left of 600, one | FAULT(chatter, 600); then one that stays for 60 s   |
| more every 30 s                       | likewise                                            |
"""

import dataclasses
from collections.abc import Sequence

from sim.expected.terms import FOREVER, MS, Change

CHANGES = 600
"""Changes that an input has in hand: the value of the fault that tells that they are spent."""
_EVERY_NS = 30_000 * MS
_CHATTER_NS = 500 * MS
_QUIET_NS = 1_000 * MS
_RESTLESS_NS = 60_000 * MS


@dataclasses.dataclass(frozen=True, slots=True)
class Doubt:
    """An input that is not believed for a while; `value` 0 if it does not settle."""

    t: int
    value: int


class _Purse:
    def __init__(self, start: int) -> None:
        self._left, self._paid = CHANGES, start

    def take(self, now: int) -> bool:
        turns = max(now - self._paid, 0) // _EVERY_NS
        self._left = min(self._left + turns, CHANGES)
        self._paid += turns * _EVERY_NS
        self._left -= 1
        if self._left < 0:
            self._left = 0
            return False
        return True


def settled(
    edges: Sequence[tuple[int, bool]], level: bool, hold: int, start: int = 0
) -> tuple[list[Change], list[Doubt]]:
    """Return the changes that edges make, and the doubts; `hold` and `start` of the boot in ns."""
    changes: list[Change] = []
    doubts: list[Doubt] = []
    purse = _Purse(start)
    first: int | None = None
    need = hold
    ends = [*(t for t, _ in edges[1:]), FOREVER]
    for (t, active), after in zip(edges, ends, strict=False):
        first = t if first is None else first
        if need == hold and t - first >= _CHATTER_NS:
            doubts.append(Doubt(t, 0))
            need = _QUIET_NS
        if after - t < need:
            continue
        begun = first if need == hold else t
        if active != level and not purse.take(t + need):
            doubts.append(Doubt(t + need, CHANGES))
            need = _RESTLESS_NS
            if after - t < need:
                continue
            purse.take(t + need)
            begun = t
        if active != level:
            changes.append(Change(begun, t + need, active))
            level = active
        first, need = None, hold
    return changes, doubts
