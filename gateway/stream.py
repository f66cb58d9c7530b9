"""What of one epoch of one dispenser was published, is on its way, or must be published again.

Pure bookkeeping in RAM: after a restart everything above the watermark is unpublished.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.pruning import is_stored
from gateway.spool import MAX_RECORDS, Link
from protocol import schema, wire

_ASK_SELDOM = 6 * 3600.0
_ASK_BLOCKED = 10.0
_REFUSAL_GRACE = 1.0


class Body(NamedTuple):
    """Records of one EVENTS: contiguous, each linked to the one before."""

    epoch: int
    links: tuple[Link, ...]
    again: bool

    def payload(self) -> bytes:
        """Return the EVENTS body, records verbatim; raises WireError if a field does not fit."""
        events = schema.Events(
            epoch=self.epoch,
            previous=self.links[0].previous,
            count=len(self.links),
            records=b"".join(link.raw for link in self.links),
        )
        return wire.build(events)


@dataclass(slots=True, eq=False)
class Flight:
    """An EVENTS on its way: seqs not known to be stored, bytes, when it was published."""

    seqs: set[int]
    size: int
    at: float
    again: bool


@dataclass(slots=True, eq=False)
class Stream:
    """One epoch of one dispenser on the uplink; times are monotonic seconds."""

    dispenser: str
    epoch: int
    hello: schema.Hello | None = None
    question: bytes | None = None
    end: int = 0
    last: schema.Watermark | None = None
    opened: bool = False
    new: int = 0
    again: set[int] = field(default_factory=set)
    ready: deque[Body] = field(default_factory=deque)
    flights: list[Flight] = field(default_factory=list)
    asked_at: float | None = None
    asked: int = 0
    questioned: float = float("-inf")
    blocked: bool = False

    def __str__(self) -> str:
        return f"dispenser={self.dispenser} epoch={self.epoch}"

    @property
    def unconfirmed(self) -> int:
        """Bytes on their way."""
        return sum(flight.size for flight in self.flights)

    @property
    def has_work(self) -> bool:
        """Tell whether there is something to be published."""
        return self.opened and bool(self.ready or self.again or self.new < self.end)

    def added(self, seqs: list[int], end: int) -> None:
        """Note records that came into the spool."""
        self.end = max(self.end, end)
        if self.opened:
            self.again.update(s for s in seqs if s < self.new and not self._is_stored(s))

    def start(self) -> int | None:
        """Return the seq to fetch from, None if nothing is to be published."""
        if not self.opened:
            return None
        if self.again:
            return min(self.again)
        self._skip_stored()
        return self.new if self.new < self.end else None

    def fetched(self, start: int, links: list[Link]) -> None:
        """Cut what was fetched from `start` into bodies."""
        if self.again:
            reach = start + MAX_RECORDS
            chosen = [link for link in links if link.seq in self.again and link.seq < reach]
            self.again = {seq for seq in self.again if seq >= reach}
            self.ready.extend(cut_bodies(self.epoch, chosen, again=True))
            return
        # what is beyond the end known here will be told of, and must not look published then
        links = [link for link in links if link.seq < self.end]
        self.new = links[-1].seq + 1 if links else self.end
        chosen = [link for link in links if not self._is_stored(link.seq)]
        self.ready.extend(cut_bodies(self.epoch, chosen, again=False))

    def take_one(self) -> Body:
        """Take one record off the first body, to probe with."""
        body = self.ready.popleft()
        if len(body.links) > 1:
            self.ready.appendleft(body._replace(links=body.links[1:]))
        return body._replace(links=body.links[:1])

    def launched(self, body: Body, size: int, now: float) -> Flight:
        """Note a body of `size` bytes that was published."""
        flight = Flight({link.seq for link in body.links}, size, now, body.again)
        self.flights.append(flight)
        return flight

    def returned(self, flight: Flight) -> None:
        """Note that a publication was refused: it is to be published again."""
        if flight in self.flights:
            self.flights.remove(flight)
            self.again |= flight.seqs

    def refusals(self, mark: schema.Watermark, now: float) -> list[int]:
        """Return the refused seqs to read again.

        Not those just published again: that the backend has not seen them yet is more likely than
        that they are refused once more, and if they are, they will be named again.
        """
        young = [f for f in self.flights if f.again and now - f.at < _REFUSAL_GRACE]
        tried = {seq for flight in young for seq in flight.seqs}
        return [seq for seq in mark.refused if seq not in tried and not self._is_stored(seq)]

    def accept(self, mark: schema.Watermark, refused: list[int]) -> bool:
        """Take an accepted watermark and the refusals acted on; tell whether it moved."""
        last, self.last = self.last, mark
        restored = last is not None and (mark.store != last.store or mark.next < last.next)
        moved = last is None or restored or (mark.next, mark.ranges) != (last.next, last.ranges)
        if restored or not self.opened:
            self.asked = 0
            self.again.clear()
            self.ready.clear()
            self.flights.clear()
            self.new = mark.next
        self.opened = True
        for flight in self.flights:
            flight.seqs -= set(refused)
            flight.seqs = {seq for seq in flight.seqs if not self._is_stored(seq)}
        self._answered()
        self.again = {seq for seq in self.again if not self._is_stored(seq)}
        if moved:
            self.asked = 0
        return moved

    def question_due(self, retry: float, confirm: float) -> float:
        """Return when to ask for a watermark: `retry` or `confirm` s after the last, doubling."""
        if self.question is None or (self.opened and not self.flights):
            return float("inf")
        wait = confirm if self.opened else retry
        if self.blocked:
            wait = min(wait, _ASK_BLOCKED)
        since = [flight.at for flight in self.flights[:1]]
        since += [] if self.asked_at is None else [self.asked_at]
        return max(since, default=float("-inf")) + min(_ASK_SELDOM, wait * 2.0**self.asked)

    def ask(self, now: float) -> None:
        """Note that the question for a watermark was published."""
        self.asked_at = self.questioned = now
        self.asked = min(self.asked + 1, 30)

    def forget_question(self) -> None:
        """Note that the question did not arrive."""
        self.asked_at = None

    def _answered(self) -> None:
        asked_at, self.asked_at = self.asked_at, None
        kept = []
        for flight in self.flights:
            if flight.seqs and asked_at is not None and flight.at <= asked_at:
                self.again |= flight.seqs
            elif flight.seqs:
                kept.append(flight)
        self.flights = kept

    def _skip_stored(self) -> None:
        if self.last is None:
            return
        self.new = max(self.new, self.last.next)
        for stored in sorted(self.last.ranges, key=lambda r: r.first):
            if stored.first <= self.new <= stored.last:
                self.new = stored.last + 1

    def _is_stored(self, seq: int) -> bool:
        return self.last is not None and is_stored(self.last, seq)


def cut_bodies(epoch: int, links: list[Link], again: bool) -> list[Body]:
    """Return EVENTS bodies of records verbatim: at most 255, contiguous, each linked to the last.

    255 records of 64 bytes make 16,333 bytes, so that none is above 16 kB.
    """
    runs: list[list[Link]] = []
    for link in links:
        if runs and len(runs[-1]) < MAX_RECORDS and _follows(runs[-1][-1], link):
            runs[-1].append(link)
        else:
            runs.append([link])
    return [Body(epoch, tuple(run), again) for run in runs]


def _follows(link: Link, following: Link) -> bool:
    return following.seq == link.seq + 1 and following.previous == wire.tag_of(link.raw)
