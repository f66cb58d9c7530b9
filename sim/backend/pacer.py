"""When a WATERMARK is due."""

import dataclasses
import heapq
import math

_FORGET_AT = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """Whom a watermark is for: a stream at the gateway that it came from."""

    dispenser: str
    epoch: int
    gateway: str


@dataclasses.dataclass(slots=True)
class _Owed:
    records: int = 0
    by: float = math.inf
    sent_at: float = -math.inf
    # the entry of the heap that counts, all earlier ones are out of date
    due: float = math.inf


class Pacer:
    """Decides when a WATERMARK is due; times in seconds of any one clock that never goes back.

    When asked for; after `every` stored records; else at most every `interval` seconds. Costs
    nothing for streams that owe nothing, however many there are.
    """

    def __init__(self, interval: float, every: int) -> None:
        self._interval = interval
        self._every = every
        self._owed: dict[Address, _Owed] = {}
        self._heap: list[tuple[float, int, Address]] = []
        self._pushed = 0
        self._forget_at = _FORGET_AT

    def note(self, address: Address, stored: int, by: float = math.inf) -> None:
        """Note what a committed transaction did to a stream, and by when it is to be answered."""
        owed = self._owed.setdefault(address, _Owed())
        owed.records += stored
        owed.by = min(owed.by, by)
        when = self._when(owed)
        if when < owed.due:
            self._push(address, owed, when)

    def due(self, now: float, most: int = 1 << 30) -> list[Address]:
        """Return at most so many streams whose watermark should go out now.

        A stream is returned until `sent` is called for it.
        """
        found: dict[Address, _Owed] = {}
        while self._heap and self._heap[0][0] <= now and len(found) < most:
            entry = heapq.heappop(self._heap)
            if self._counts(*entry):
                found[entry[2]] = self._owed[entry[2]]
        for address, owed in found.items():
            self._push(address, owed, owed.due)
        return list(found)

    def wait(self, now: float) -> float:
        """Return the seconds until the next one is due, infinite if none is owed."""
        while self._heap and not self._counts(*self._heap[0]):
            heapq.heappop(self._heap)
        return max(0.0, self._heap[0][0] - now) if self._heap else math.inf

    def sent(self, address: Address, now: float) -> None:
        """Note that a WATERMARK with the newest state went out."""
        self._owed[address] = _Owed(sent_at=now)
        if len(self._owed) >= self._forget_at:
            self._forget(now)

    def _when(self, owed: _Owed) -> float:
        if owed.records >= self._every:
            return -math.inf
        return min(owed.by, owed.sent_at + self._interval) if owed.records else owed.by

    def _push(self, address: Address, owed: _Owed, when: float) -> None:
        owed.due = when
        self._pushed += 1
        heapq.heappush(self._heap, (when, self._pushed, address))

    def _counts(self, when: float, _: int, address: Address) -> bool:
        owed = self._owed.get(address)
        return owed is not None and owed.due == when

    def _forget(self, now: float) -> None:
        # of what was sent an interval ago nothing follows any more
        over = now - self._interval
        self._owed = {
            address: owed
            for address, owed in self._owed.items()
            if owed.due != math.inf or owed.sent_at > over
        }
        self._forget_at = max(_FORGET_AT, 2 * len(self._owed))
