"""Whose record it is: episodes with order, consent, activation and assignments, as intervals.

Built from entries that people made, each of which stays for ever; one that replaces another
leaves it readable. Times are unix ms, intervals include their start and not their end.
"""

import dataclasses
import datetime as dt
import itertools
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

from sim.backend.evidence.events import Event


class Kind(StrEnum):
    """What an entry says of an episode; in brackets what its value is."""

    EPISODE = "episode"  # pseudonymous patient, site and zone, separated by blanks
    ORDER = "order"
    CONSENT = "consent"
    ACTIVATION = "activation"
    ASSIGNMENT = "assignment"  # dispenser
    REFILL = "refill"  # dispenser, epoch and seq of a possible refill that a person confirmed
    SYSTEM = "system"  # clinical system, as a person chose it
    DEVICE = "device"  # device status, as a person confirmed it


class RuleError(ValueError):
    """Entries that contradict each other, or say what they may not; one line."""


class Whose(StrEnum):
    """What became of the question whose record it is."""

    COUNTED = "inside order, consent, activation and assignment"
    UNASSIGNED = "the dispenser was assigned to nobody"
    UNCERTAIN = "its time leaves open to whom the dispenser was assigned"
    NO_TIME = "its time is not known well enough"
    CONSENT = "outside consent"
    EPISODE = "outside the episode"
    ORDER = "outside the order"
    ACTIVATION = "before activation"


SEALED = (Whose.UNASSIGNED, Whose.UNCERTAIN, Whose.NO_TIME, Whose.CONSENT, Whose.EPISODE)
"""Kept, but neither shown nor counted."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """What a person entered, when and who; `replaces` names an earlier entry that it corrects."""

    id: int
    at: int
    by: str
    episode: str
    kind: Kind
    start: int
    end: int | None = None
    value: str = ""
    replaces: int | None = None

    def covers(self, first: int, last: int) -> bool:
        """Tell whether the whole of first to last is inside."""
        return self.start <= first and (self.end is None or last < self.end)

    def touches(self, first: int, last: int) -> bool:
        """Tell whether any of first to last is inside."""
        return self.start <= last and (self.end is None or first < self.end)


@dataclasses.dataclass(frozen=True, slots=True)
class Owner:
    """The episode of a record; None where it belongs to nobody, `whose` says why."""

    episode: str | None
    whose: Whose


class Programme:
    """The entries in force. Raises RuleError if they contradict each other."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        every = sorted(entries, key=lambda entry: entry.id)
        self._check_replacing(every)
        replaced = {entry.replaces for entry in every}
        self.entries = [entry for entry in every if entry.id not in replaced]
        self._of: dict[tuple[Kind, str], list[Entry]] = {}
        self._assigned: dict[str, list[Entry]] = {}
        for entry in self.entries:
            self._of.setdefault((entry.kind, entry.episode), []).append(entry)
            if entry.kind is Kind.ASSIGNMENT:
                self._assigned.setdefault(entry.value, []).append(entry)
        self._check()

    def only(self, kind: Kind, episode: str | None = None) -> list[Entry]:
        """Return the entries in force of a kind, by id."""
        if episode is None:
            return [entry for entry in self.entries if entry.kind is kind]
        return self._of.get((kind, episode), [])

    def holders(self, dispenser: str) -> set[str]:
        """Return the episodes that a dispenser was ever assigned to."""
        return {entry.episode for entry in self._assigned.get(dispenser, [])}

    def zone(self, episode: str) -> dt.tzinfo:
        """Return the patient's zone. Raises KeyError for an unknown episode."""
        for entry in self.only(Kind.EPISODE, episode):
            return zoneinfo.ZoneInfo(entry.value.split()[2])
        raise KeyError(episode)

    def owner(self, event: Event) -> Owner:
        """Return whose record an event is; whatever is uncertain belongs to nobody."""
        if event.sure is None:
            return Owner(None, Whose.NO_TIME)
        named = self._assigned.get(event.key.dispenser, [])
        touched = [entry for entry in named if entry.touches(*event.sure)]
        if not touched:
            return Owner(None, Whose.UNASSIGNED)
        if len(touched) > 1 or not touched[0].covers(*event.sure):
            return Owner(None, Whose.UNCERTAIN)
        return self._within(touched[0].episode, event.sure)

    def sealed(self, found: Iterable[Event]) -> Counter[Whose]:
        """Count the events that are neither shown nor counted, by why: their number is shown."""
        return Counter(whose for event in found if (whose := self.owner(event).whose) in SEALED)

    def _within(self, episode: str, sure: tuple[int, int]) -> Owner:
        for kind, whose in _MUST_COVER:
            if not any(entry.covers(*sure) for entry in self.only(kind, episode)):
                return Owner(None if whose in SEALED else episode, whose)
        return Owner(episode, Whose.COUNTED)

    def _check_replacing(self, entries: Sequence[Entry]) -> None:
        known = {entry.id: entry for entry in entries}
        done: set[int] = set()
        for entry in entries:
            if entry.replaces is None:
                continue
            other = known.get(entry.replaces)
            if other is None or other.id >= entry.id or other.id in done:
                raise RuleError(f"entry {entry.id} replaces {entry.replaces}: not in force then")
            if (other.kind, other.episode) != (entry.kind, entry.episode):
                raise RuleError(f"entry {entry.id} replaces {entry.replaces}: of another kind")
            done.add(other.id)

    def _check(self) -> None:
        for entry in self.entries:
            if entry.end is not None and entry.end < entry.start:
                raise RuleError(f"entry {entry.id} ends before it starts")
        episodes = self.only(Kind.EPISODE)
        for entry in episodes:
            _check_episode(entry)
        known = [entry.episode for entry in episodes]
        if len(set(known)) != len(known):
            raise RuleError("an episode was entered twice")
        for entry in self.entries:
            if entry.episode not in known:
                raise RuleError(f"entry {entry.id}: no episode {entry.episode!r}")
        _check_assignments(self.only(Kind.ASSIGNMENT))


_MUST_COVER = (
    (Kind.EPISODE, Whose.EPISODE),
    (Kind.CONSENT, Whose.CONSENT),
    (Kind.ORDER, Whose.ORDER),
    (Kind.ACTIVATION, Whose.ACTIVATION),
)


def _check_episode(entry: Entry) -> None:
    words = entry.value.split()
    if len(words) != 3:
        raise RuleError(f"entry {entry.id}: an episode needs patient, site and zone")
    try:
        zoneinfo.ZoneInfo(words[2])
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise RuleError(f"entry {entry.id}: {words[2]!r} is no zone") from error


def _check_assignments(entries: Iterable[Entry]) -> None:
    ordered = sorted(entries, key=lambda entry: (entry.value, entry.start))
    for one, other in itertools.pairwise(ordered):
        if one.value == other.value and (one.end is None or other.start < one.end):
            raise RuleError(f"entry {other.id}: dispenser {other.value} is assigned by {one.id}")
