"""What happened to records that should not happen: told apart, counted, open until it is settled.

Kept in RAM: a restart forgets it, and finds again what is still so.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gateway.gaps import gap_of
from gateway.spool import Link
from protocol import schema, wire

_STAYS = 7 * 86_400.0
"""Seconds for which what nothing settles is to be looked at."""
_MOST_RAW = 1000


@dataclass(slots=True)
class Incident:
    """One kind of trouble with one dispenser: how many records, which seqs, until when open."""

    kind: str
    dispenser: str
    epoch: int
    count: int
    first: int
    last: int
    at: float
    settled: bool = False


class Incidents:
    """Times are monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._noted: dict[tuple[str, str, int], Incident] = {}
        self._refused: dict[tuple[str, int, int], bytes] = {}

    def __iter__(self) -> Iterator[Incident]:
        return iter(self._noted.values())

    def is_open(self, incident: Incident) -> bool:
        """Tell whether somebody should look at it."""
        if incident.kind == "lost":
            return False  # a GAP record explains it
        return not incident.settled and self._now() - incident.at < _STAYS

    def missing(self, dispenser: str, epoch: int, first: int, last: int) -> None:
        """Note seqs that a dispenser skipped without a GAP record."""
        self._note("missing", dispenser, epoch, first, last)

    def refused(self, dispenser: str, epoch: int, raws: Iterable[bytes]) -> None:
        """Note records that the backend could not verify, deleted to be read again."""
        for raw in raws:
            seq = wire.seq_of(raw)
            if len(self._refused) < _MOST_RAW:
                self._refused[dispenser, epoch, seq] = raw
            self._note("refused", dispenser, epoch, seq, seq)

    def lost(self, dispenser: str, epoch: int, links: Iterable[Link]) -> None:
        """Note what the GAPs among records that came into the spool explain."""
        for gap in filter(None, (gap_of(link.raw) for link in links)):
            self._note("lost", dispenser, epoch, gap.first, gap.last)

    def read(self, dispenser: str, epoch: int, links: Iterable[Link]) -> None:
        """Look at records that came into the spool: for refused ones, the same once more."""
        if not self._refused:
            return
        for link in links:
            if self._refused.get((dispenser, epoch, link.seq)) == link.raw:
                self._note("quarantined", dispenser, epoch, link.seq, link.seq)

    def fetched(self, dispenser: str, epoch: int, links: Sequence[Link]) -> None:
        """Look at records about to be published, by seq: for two different ones under one."""
        for link, following in pairwise(links):
            if link.seq == following.seq:
                self._note("forked", dispenser, epoch, link.seq, link.seq)

    def doubtful(self, dispenser: str, mark: schema.Watermark) -> None:
        """Note a watermark that was ignored."""
        self._note("doubtful", dispenser, mark.epoch, mark.next, mark.next)

    def passed(self, dispenser: str, mark: schema.Watermark) -> None:
        """Settle what a watermark that was accepted explains or has got."""
        for kind in ("missing", "refused", "doubtful"):
            incident = self._noted.get((kind, dispenser, mark.epoch))
            if incident is not None and (kind == "doubtful" or incident.last < mark.next):
                incident.settled = True
        for key in [key for key in self._refused if _is_passed(key, dispenser, mark)]:
            del self._refused[key]

    def _note(self, kind: str, dispenser: str, epoch: int, first: int, last: int) -> None:
        key = (kind, dispenser, epoch)
        count = 1 if kind == "doubtful" else last - first + 1
        found = self._noted.get(key)
        if found is None or found.settled:
            self._noted[key] = Incident(kind, dispenser, epoch, count, first, last, self._now())
            return
        if kind == "doubtful" or not (found.first <= first and last <= found.last):
            found.count += count
        found.first, found.last = min(found.first, first), max(found.last, last)
        found.at = self._now()


def _is_passed(key: tuple[str, int, int], dispenser: str, mark: schema.Watermark) -> bool:
    return key[:2] == (dispenser, mark.epoch) and key[2] < mark.next
