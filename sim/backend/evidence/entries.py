"""What people enter: kinds, entries, and what the value of each kind has to say.

Times are unix ms. Intervals include their start and not their end. Kinds that are of dates hold
them as midnights UTC, whatever the patient's zone: a date stays that date.
"""

import dataclasses
import datetime as dt
import re
import zoneinfo
from collections.abc import Callable
from enum import StrEnum

from sim.backend.evidence.dates import Span
from sim.backend.evidence.days import Regimen

DAY_MS = 86_400_000


class Kind(StrEnum):
    """What an entry says of an episode; in brackets what its value is."""

    EPISODE = "episode"  # pseudonymous patient, site and zone, separated by blanks
    ORDER = "order"
    CONSENT = "consent"
    SHIPPED = "shipped"  # dispenser
    ACTIVATION = "activation"
    ASSIGNMENT = "assignment"  # dispenser
    REGIMEN = "regimen"  # compartment, accesses a day; days on and off of a cycle if there is one
    ADDED = "added"  # compartment, and how many: pocket doses, below 0 openings that were no dose
    NON_MONITORED = "non_monitored"  # why: hospital, absence, other
    REFILL = "refill"  # dispenser, epoch and seq of a possible refill that a person confirmed
    REVIEWED = "reviewed"  # name of an open item that a person has looked at
    SYSTEM = "system"  # clinical system, as a person chose it
    DEVICE = "device"  # device status, as a person confirmed it


OF_DATES = (Kind.REGIMEN, Kind.ADDED, Kind.NON_MONITORED)
ABSENCES = ("hospital", "absence", "other")
SYSTEMS = ("respiratory", "musculoskeletal", "cognitive_behavioral", "other")
"""Clinical systems; for `other` there is no device-supply code (CPT 2026: 98976 to 98978, 98984 to
98986)."""
_PSEUDONYMS = "a pseudonym is 1 to 40 of letters, digits, dot, dash and underscore"
STATUSES = ("confirmed", "not_confirmed")
_PSEUDONYM = re.compile(r"[A-Za-z0-9._-]{1,40}")
_DISPENSER = re.compile(r"[0-9a-f]{16}")
_NUMBER = re.compile(r"-?[0-9]{1,4}")
_RECORD = re.compile(r"[0-9a-f]{16} [0-9]{1,10} [0-9]{1,10}")


class RuleError(ValueError):
    """Entries that contradict each other, or say what they may not; one line."""


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """An entry that nobody has made yet: `Ledger` gives it its number and its time."""

    by: str
    episode: str
    kind: Kind
    start: int
    end: int | None = None
    value: str = ""
    replaces: int | None = None


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

    def span(self, until: dt.date) -> Span | None:
        """Return the dates of a kind that is of dates, up to `until`; None if none is left."""
        last = until if self.end is None else min(until, utc_date(self.end) - dt.timedelta(1))
        first = utc_date(self.start)
        return Span(first, last) if first <= last else None


def utc_date(unix_ms: int) -> dt.date:
    """Return the date that a midnight UTC stands for."""
    return dt.datetime.fromtimestamp(unix_ms / 1000, dt.UTC).date()


def utc_midnight(date: dt.date) -> int:
    """Return how a date is held in an entry."""
    return (date.toordinal() - dt.date(1970, 1, 1).toordinal()) * DAY_MS


def regimen_of(entry: Entry, until: dt.date) -> tuple[int, Regimen] | None:
    """Return compartment and regimen of an entry, None if none of its dates is left."""
    span = entry.span(until)
    words = [int(word) for word in entry.value.split()]
    return None if span is None else (words[0], Regimen(span, words[1], *words[2:]))


def added_of(entry: Entry) -> tuple[int, dt.date, int]:
    """Return compartment, date, and how many accesses a person added or took away."""
    compartment, count = entry.value.split()
    return int(compartment), utc_date(entry.start), int(count)


def check(entry: Entry) -> None:
    """Raise RuleError if an entry by itself says what it may not."""
    if not _PSEUDONYM.fullmatch(entry.episode):
        raise RuleError(f"episode: {_PSEUDONYMS}")
    if entry.end is not None and entry.end < entry.start:
        raise RuleError(f"entry {entry.id} ends before it starts")
    if entry.kind in OF_DATES and any(at % DAY_MS for at in (entry.start, entry.end or 0)):
        raise RuleError(f"entry {entry.id}: {entry.kind} is of whole dates")
    rule = _RULES.get(entry.kind)
    told = None if rule is None else rule(entry)
    if told is not None:
        raise RuleError(f"entry {entry.id}: {told}")


def _episode(entry: Entry) -> str | None:
    words = entry.value.split()
    if len(words) != 3:
        return "an episode needs patient, site and zone"
    if not all(map(_PSEUDONYM.fullmatch, words[:2])):
        return f"patient and site: {_PSEUDONYMS}"
    try:
        zoneinfo.ZoneInfo(words[2])
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return f"{words[2]!r} is no zone"
    return None


def _dispenser(entry: Entry) -> str | None:
    good = _DISPENSER.fullmatch(entry.value)
    return None if good else "needs a dispenser: 16 hex digits"


def _numbers(entry: Entry) -> list[int]:
    words = entry.value.split()
    return [int(word) for word in words] if all(map(_NUMBER.fullmatch, words)) else []


def _regimen(entry: Entry) -> str | None:
    numbers = _numbers(entry)
    if len(numbers) not in (2, 4) or not 1 <= numbers[0] <= 4 or numbers[1] < 0:
        return "a regimen needs compartment (1 to 4) and accesses a day, or also days on and off"
    if len(numbers) == 4 and (numbers[2] < 1 or numbers[3] < 0):
        return "a cycle needs at least one day on, and no less than none off"
    return None


def _added(entry: Entry) -> str | None:
    numbers = _numbers(entry)
    if len(numbers) != 2 or not 1 <= numbers[0] <= 4:
        return "needs compartment (1 to 4) and how many were added (taken away: below 0)"
    one_day = entry.end == entry.start + DAY_MS
    return None if one_day else "what was added is of one date"


def _record(entry: Entry) -> str | None:
    good = _RECORD.fullmatch(entry.value)
    return None if good else "needs dispenser, epoch and seq of the possible refill"


def _one_of(words: tuple[str, ...]) -> Callable[[Entry], str | None]:
    def rule(entry: Entry) -> str | None:
        return None if entry.value in words else f"needs one of: {', '.join(words)}"

    return rule


def _nothing(entry: Entry) -> str | None:
    return f"{entry.kind} has no value" if entry.value else None


_RULES: dict[Kind, Callable[[Entry], str | None]] = {
    Kind.EPISODE: _episode,
    Kind.ORDER: _nothing,
    Kind.CONSENT: _nothing,
    Kind.ACTIVATION: _nothing,
    Kind.SHIPPED: _dispenser,
    Kind.ASSIGNMENT: _dispenser,
    Kind.REGIMEN: _regimen,
    Kind.ADDED: _added,
    Kind.NON_MONITORED: _one_of(ABSENCES),
    Kind.REFILL: _record,
    Kind.SYSTEM: _one_of(SYSTEMS),
    Kind.DEVICE: _one_of(STATUSES),
}
