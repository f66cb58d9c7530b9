"""Whose record it is: episodes with order, consent, activation and assignments, as intervals.

Built from entries that people made, each of which stays for ever; one that replaces another
leaves it readable. Times are unix ms, intervals include their start and not their end.
"""

import dataclasses
import datetime as dt
import itertools
import zoneinfo
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from sim.backend.evidence.entries import Entry, Kind, RuleError, check
from sim.backend.evidence.events import Event


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
class Owner:
    """The episode of a record; None where it belongs to nobody, `whose` says why."""

    episode: str | None
    whose: Whose


class Programme:
    """The entries in force, `count` of all. Raises RuleError if they contradict each other."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        every = sorted(entries, key=lambda entry: entry.id)
        self.count = len(every)
        self._check_replacing(every)
        replaced = {entry.replaces for entry in every}
        self.entries = [entry for entry in every if entry.id not in replaced]
        self._of: dict[tuple[Kind, str], list[Entry]] = {}
        self._all: dict[Kind, list[Entry]] = {}
        self._assigned: dict[str, list[Entry]] = {}
        for entry in self.entries:
            self._of.setdefault((entry.kind, entry.episode), []).append(entry)
            self._all.setdefault(entry.kind, []).append(entry)
            if entry.kind is Kind.ASSIGNMENT:
                self._assigned.setdefault(entry.value, []).append(entry)
        self._check()

    def only(self, kind: Kind, episode: str | None = None) -> list[Entry]:
        """Return the entries in force of a kind, by id."""
        if episode is None:
            return self._all.get(kind, [])
        return self._of.get((kind, episode), [])

    def holders(self, dispenser: str) -> set[str]:
        """Return the episodes that a dispenser was ever assigned to."""
        return {entry.episode for entry in self._assigned.get(dispenser, [])}

    def dispensers(self, episode: str) -> set[str]:
        """Return the dispensers that were ever assigned to an episode."""
        return {entry.value for entry in self.only(Kind.ASSIGNMENT, episode)}

    def newest(self, episode: str) -> int:
        """Return the id of the newest entry that tells of an episode or its dispensers."""
        mine = [entry for kind in Kind for entry in self.only(kind, episode)]
        shared = [e for each in self.dispensers(episode) for e in self._assigned[each]]
        return max((entry.id for entry in (*mine, *shared)), default=0)

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
            check(entry)
        known = [entry.episode for entry in self.only(Kind.EPISODE)]
        episodes = set(known)
        if len(episodes) != len(known):
            raise RuleError("an episode was entered twice")
        for entry in self.entries:
            if entry.episode not in episodes:
                raise RuleError(f"entry {entry.id}: no episode {entry.episode!r}")
        _check_apart(self.only(Kind.ASSIGNMENT), _dispenser, "is assigned by")
        _check_apart(self.only(Kind.REGIMEN), _compartment, "has the regimen of")


_MUST_COVER = (
    (Kind.EPISODE, Whose.EPISODE),
    (Kind.CONSENT, Whose.CONSENT),
    (Kind.ORDER, Whose.ORDER),
    (Kind.ACTIVATION, Whose.ACTIVATION),
)


def _dispenser(entry: Entry) -> str:
    return f"dispenser {entry.value}"


def _compartment(entry: Entry) -> str:
    return f"{entry.episode} compartment {entry.value.split()[0]}"


def _check_apart(entries: Iterable[Entry], name: Callable[[Entry], str], told: str) -> None:
    """Raise RuleError if two entries of the same name have a moment in common."""
    ordered = sorted(entries, key=lambda entry: (name(entry), entry.start))
    for one, other in itertools.pairwise(ordered):
        if name(one) == name(other) and (one.end is None or other.start < one.end):
            raise RuleError(f"entry {other.id}: {name(other)} {told} {one.id}")
