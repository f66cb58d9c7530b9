"""What of one epoch of one dispenser was published, is on its way, or must be published again.

Pure bookkeeping in RAM: after a restart everything above the watermark is unpublished.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.gaps import Span, type_of
from gateway.pruning import is_stored
from gateway.restores import Restores
from gateway.spool import MAX_RECORDS, Link
from protocol import schema, wire

_EVER = float("inf")
_ASK_SELDOM = 6 * 3600.0
_ASK_BLOCKED = 10.0
_GRACE = 1.0


class Body(NamedTuple):
    """Records of one EVENTS: contiguous, each linked to the one before."""

    epoch: int
    links: tuple[Link, ...]
    again: bool
    urgent: bool = False

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
    """An EVENTS on its way: seqs not known to be stored, bytes, when it was published.

    soon: a WATERMARK is to come at once, or has come and did not pass it.
    """

    seqs: set[int]
    size: int
    at: float
    again: bool
    soon: bool = False


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
    due: float = float("inf")
    urgent: deque[Link] = field(default_factory=deque)
    early: set[int] = field(default_factory=set)
    doubts: list[Span] = field(default_factory=list)
    again: set[int] = field(default_factory=set)
    ready: deque[Body] = field(default_factory=deque)
    flights: list[Flight] = field(default_factory=list)
    asked_at: float | None = None
    asked: int = 0
    questioned: float = float("-inf")
    blocked: bool = False
    restores: Restores = field(default_factory=Restores)

    def __str__(self) -> str:
        return f"dispenser={self.dispenser} epoch={self.epoch}"

    @property
    def unconfirmed(self) -> int:
        """Bytes on their way."""
        return sum(flight.size for flight in self.flights)

    def has_work(self, now: float) -> bool:
        """Tell whether there is something to be published now."""
        return self.opened and bool(self.urgent or self.ready or self.again or self._is_due(now))

    def added(self, seqs: Sequence[int], end: int, due: float, urgent: Sequence[Link]) -> None:
        """Note records that came into the spool, when they are due, and the urgent among them."""
        self.end = max(self.end, end)
        self.due = min(self.due, due)
        if self.opened:
            self.again.update(s for s in seqs if s < self.new and not self._is_stored(s))
            self.hasten(link for link in urgent if link.seq >= self.new)

    def hasten(self, links: Iterable[Link]) -> None:
        """Publish these before all others, each alone, the last given first."""
        waiting = {link.seq for link in self.urgent} | self.early
        for link in links:
            if link.seq not in waiting and not self._is_stored(link.seq):
                self.urgent.appendleft(link)

    def doubt(self, span: Span) -> None:
        """Note a range that the watermark may pass though nobody has published what is held."""
        if span not in self.doubts:
            self.doubts.append(span)

    def start(self, now: float) -> int | None:
        """Return the seq to fetch from, None if nothing is to be published now."""
        if not self.opened:
            return None
        if self.again:
            return min(self.again)
        return self.new if self._is_due(now) else None

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
        chosen = [link for link in links if self._is_wanted(link.seq)]
        self.early = {seq for seq in self.early if seq >= self.new}
        self.ready.extend(cut_bodies(self.epoch, chosen, again=False))
        if self.new >= self.end:
            self.due = float("inf")

    def take_urgent(self) -> Body | None:
        """Take the most urgent record, alone; None if there is none."""
        while self.urgent:
            link = self.urgent.popleft()
            if link.seq >= self.new and not self._is_stored(link.seq):
                return Body(self.epoch, (link,), again=False, urgent=True)
        return None

    def take_one(self) -> Body:
        """Take one record off the first body, to probe with."""
        body = self.ready.popleft()
        if len(body.links) > 1:
            self.ready.appendleft(body._replace(links=body.links[1:]))
        return body._replace(links=body.links[:1])

    def give_back(self, body: Body) -> None:
        """Take back a body that could not be published now."""
        if body.urgent:
            self.urgent.extendleft(body.links)
        else:
            self.ready.appendleft(body)

    def launched(self, body: Body, size: int, now: float) -> Flight:
        """Note a body of `size` bytes that was published."""
        seqs = {link.seq for link in body.links}
        kinds = {type_of(link.raw) for link in body.links}
        soon = body.urgent or body.again or schema.RecordType.response in kinds
        flight = Flight(seqs, size, now, body.again, soon)
        if body.urgent:
            self.early |= flight.seqs
        self.flights.append(flight)
        return flight

    def returned(self, flight: Flight) -> None:
        """Note that a publication was refused: it is to be published again."""
        if flight in self.flights:
            self.flights.remove(flight)
            self.again |= flight.seqs
            self.early -= flight.seqs

    def refusals(self, mark: schema.Watermark, now: float) -> list[int]:
        """Return the refused seqs to read again.

        Not those just published again: that the backend has not seen them yet is more likely than
        that they are refused once more, and if they are, they will be named again.
        """
        young = [f for f in self.flights if f.again and now - f.at < _GRACE]
        tried = {seq for flight in young for seq in flight.seqs}
        return [seq for seq in mark.refused if seq not in tried and not self._is_stored(seq)]

    def is_restored(self, mark: schema.Watermark) -> bool:
        """Tell whether by a watermark the backend has lost what it held, or is another one."""
        last = self.last
        return last is not None and (mark.store != last.store or mark.next < last.next)

    def accept(self, mark: schema.Watermark, refused: list[int], now: float) -> bool:
        """Take an accepted watermark and the refusals acted on; tell whether it moved."""
        restored = self.is_restored(mark)
        last, self.last = self.last, mark
        moved = last is None or restored or (mark.next, mark.ranges) != (last.next, last.ranges)
        if restored or not self.opened:
            self.asked = 0
            self.again.clear()
            self.ready.clear()
            self.flights.clear()
            self.urgent.clear()
            self.early.clear()
            self.new = min([mark.next, *(first for first, _ in self.doubts)])
            self.due = float("-inf")
        self.opened = True
        for flight in self.flights:
            flight.seqs -= set(refused)
            flight.seqs = {seq for seq in flight.seqs if not self._is_stored(seq)}
            flight.soon |= now - flight.at >= _GRACE or self._is_overtaken(flight)
        self._answered()
        self.again = {seq for seq in self.again if not self._is_stored(seq)}
        if moved:
            self.asked = 0
        return moved

    def settled(self) -> list[Span]:
        """Return the doubts that are none any more, and forget them."""
        done = [span for span in self.doubts if self._is_settled(span)]
        self.doubts = [span for span in self.doubts if span not in done]
        return done

    def question_due(self, retry: float, confirm: float, interval: float) -> float:
        """Return when to ask for a watermark: `retry` or `confirm` s after the last, doubling.

        The backend gives one by itself every `interval` s: so long is waited for that first.
        """
        if self.question is None:
            return _EVER
        if self.restores.ask_at is not None:
            return self.restores.ask_at
        if self.opened and not self.flights:
            return _EVER
        wait = confirm if self.opened else retry
        if self.blocked:
            wait, interval = min(wait, _ASK_BLOCKED), 0.0
        since = min((f.at + (0 if f.soon else interval) for f in self.flights), default=-_EVER)
        since = max(since, -_EVER if self.asked_at is None else self.asked_at)
        return since + min(_ASK_SELDOM, wait * 2.0**self.asked)

    def ask(self, now: float) -> None:
        """Note that the question for a watermark was published."""
        self.restores.ask_at = None
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

    def _is_due(self, now: float) -> bool:
        self._skip_stored()
        if self.new >= self.end:
            self.due = float("inf")
        if self.due == float("inf"):
            return False
        return now >= self.due or self.end - self.new >= MAX_RECORDS

    def _skip_stored(self) -> None:
        if self.last is None:
            return
        new = max(self.new, self.last.next)
        for stored in sorted(self.last.ranges, key=lambda r: r.first):
            if stored.first <= new <= stored.last:
                new = stored.last + 1
        for first, last in self.doubts:
            if self.new <= last:
                new = min(new, max(self.new, first))
        self.new = new

    def _is_wanted(self, seq: int) -> bool:
        if seq in self.early:
            return False
        if not self._is_stored(seq):
            return True
        return any(first <= seq <= last for first, last in self.doubts)

    def _is_settled(self, span: Span) -> bool:
        first, last = span
        on_their_way = self.again.union(*(flight.seqs for flight in self.flights))
        waiting = any(first <= link.seq <= last for body in self.ready for link in body.links)
        return (
            self.opened
            and self.new > last
            and not waiting
            and not any(first <= seq <= last for seq in on_their_way)
        )

    def _is_overtaken(self, flight: Flight) -> bool:
        ranges = [] if self.last is None else self.last.ranges
        return any(stored.last > min(flight.seqs, default=stored.last) for stored in ranges)

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
