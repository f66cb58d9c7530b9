"""What a scenario is: a story, who lives in it, what breaks, what must be stored at the end."""

import dataclasses
import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sim import ledger, stored
from sim.actions import Action, diary
from sim.patients import plan
from sim.report import LEDGER, STORE, Report
from sim.stored import Stored


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run, for expectations: its folder, its report, the world's start in Unix ns."""

    folder: Path
    report: Report
    start_ns: int

    def records(self, kind: str = "", dispenser: str = "d1") -> list[Stored]:
        """Return a dispenser's stored records of a kind ("" = any), in the order of seq."""
        found = ledger.meta(ledger.load(self.folder / LEDGER)).dispensers[dispenser]
        records = (r for r in stored.load(self.folder / STORE) if r.dispenser == found)
        return [r for r in records if kind in ("", r.kind)]

    def day(self, record: Stored) -> int:
        """Return the day a record's time falls on, 1 for the first; 0 without a time."""
        return 0 if record.t is None else 1 + (record.t - self.start_ns) // (86_400 * 10**9)


Expectation = Callable[[Outcome], str]
"""Says what is wrong, "" if nothing is."""


@dataclasses.dataclass(frozen=True, slots=True)
class Scenario:
    """One story. It lasts `days`; patients by dispenser are names of models.

    `diary` is read by `sim.actions`. Whatever the story, laws and ledger are checked after it;
    `expect` says what more must hold. `needs`: abilities of the board target.
    `cell`, `modem`: gateways are behind them even if no fault of theirs strikes.
    """

    name: str
    story: str
    days: float
    diary: str = ""
    patients: Mapping[str, str] = dataclasses.field(default_factory=dict)
    dispensers: Sequence[str] = ("d1",)
    gateways: Sequence[str] = ("gw-1",)
    begins: str = "2026-09-07"
    seed: int = 1
    expect: Sequence[Expectation] = ()
    tags: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    cell: bool = False
    modem: bool = False

    def actions(self, seed: int) -> list[Action]:
        """Return all that happens, in order of time."""
        found = diary(self.diary, self.dispensers[0])
        for dispenser, model in self.patients.items():
            found += plan(model, dispenser, seed, max(1, int(self.days)))
        return sorted(found, key=lambda action: action.at)

    def faults(self) -> set[str]:
        """Return the names of the faults that strike."""
        return {a.words[1] for a in self.actions(self.seed) if a.words[0] == "fault"}

    @property
    def start_ns(self) -> int:
        """Midnight (UTC) of the day it begins, Unix ns."""
        day = datetime.datetime.fromisoformat(self.begins).replace(tzinfo=datetime.UTC)
        return int(day.timestamp()) * 10**9


# --- expectations


def count(kind: str, number: int, dispenser: str = "d1", **fields: int) -> Expectation:
    """Exactly so many records of a kind, with these fields."""

    def check(outcome: Outcome) -> str:
        wanted = set(fields.items())
        found = [r for r in outcome.records(kind, dispenser) if wanted <= set(r.fields)]
        told = " ".join([kind, *(f"{name} {value}" for name, value in fields.items())])
        return "" if len(found) == number else f"{len(found)} records of {told}, not {number}"

    return check


def at_least(kind: str, number: int, dispenser: str = "d1") -> Expectation:
    """So many records of a kind, or more."""

    def check(outcome: Outcome) -> str:
        found = len(outcome.records(kind, dispenser))
        return "" if found >= number else f"{found} records of {kind}, not {number} or more"

    return check


def at_most(kind: str, number: int, dispenser: str = "d1") -> Expectation:
    """So many records of a kind, or fewer."""

    def check(outcome: Outcome) -> str:
        found = len(outcome.records(kind, dispenser))
        return "" if found <= number else f"{found} records of {kind}, not {number} or fewer"

    return check


def nothing_on(kind: str, days: range, dispenser: str = "d1") -> Expectation:
    """No record of a kind tells one of these days."""

    def check(outcome: Outcome) -> str:
        wrong = sorted({outcome.day(r) for r in outcome.records(kind, dispenser)} & set(days))
        return f"{kind} on day {wrong[0]}" if wrong else ""

    return check


def unprompted(outcome: Outcome) -> str:
    """No response was given a question that nobody asked (DESIGN: law 8)."""
    wrong = [r for r in outcome.records("response") if dict(r.fields).get("prompt")]
    return f"seq {wrong[0].seq} answers a prompt that was never shown" if wrong else ""


def faults(*names: str) -> Expectation:
    """Each of these faults struck while records were at its hop."""

    def check(outcome: Outcome) -> str:
        missed = [name for name in names if not outcome.report.faults.get(name)]
        return f"fault without effect: {', '.join(missed)}" if missed else ""

    return check


def refused(number: int) -> Expectation:
    """The backend refused so many records."""

    def check(outcome: Outcome) -> str:
        found = len(outcome.report.refused)
        return "" if found == number else f"{found} records refused, not {number}"

    return check
