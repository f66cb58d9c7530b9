"""A sheet for reporting adherence of many patients, after the EMERGE guideline.

The four minimum criteria of EMERGE (De Geest et al., Annals of Internal Medicine 2018, 169:30-35;
phases after the ABC taxonomy) are filled in from the evidence. The unit is one compartment of one
patient. What data cannot know (design, setting, ethics) is left to people, and named.
"""

import dataclasses
import statistics
from collections.abc import Iterable, Sequence

from sim.backend.evidence.adherence import (
    DISCONTINUED_AFTER,
    TIMING_TOLERANCE,
    Figures,
    Persistence,
    Share,
    figures,
    persistence,
)
from sim.backend.evidence.days import Access, Day
from sim.backend.evidence.report import SAYS, Evidence

_SHARES = ("taking", "taking_capped", "correct_dosing", "implementation", "timing")
_MARKS = (30, 60, 90, 180, 365)
"""Days at which the share of those who went on is given."""


@dataclasses.dataclass(frozen=True)
class Unit:
    """One compartment of one patient; `waited`: days from activation to the first access."""

    days: list[Day]
    accesses: list[Access]
    persistence: Persistence
    waited: float | None


def units(several: Iterable[Evidence]) -> list[Unit]:
    """Return the compartments of these patients that have a regimen and an observed day."""
    found = []
    for evidence in several:
        activated = evidence.funnel().activated
        for number, days in evidence.days.items():
            accesses = evidence.recorded.accesses.get(number, [])
            waited = None
            if accesses and activated is not None:
                first = min(access.at for access in accesses).timestamp()
                waited = (first - activated / 1000) / 86400
            found.append(Unit(days, accesses, persistence(days), waited))
    return found


def going_on(several: Sequence[Persistence], at: int) -> float | None:
    """Return the Kaplan-Meier share that went on for `at` days; None beyond the last one seen.

    Who did not discontinue is known for as long as observed, and counts as at risk up to then.
    """
    seen = [each for each in several if each.first is not None]
    if not any(each.days >= at for each in seen):
        return None
    share = 1.0
    for day in sorted({each.days for each in seen if each.discontinued and each.days < at}):
        at_risk = sum(each.days >= day for each in seen)
        share *= 1 - sum(each.discontinued and each.days == day for each in seen) / at_risk
    return share


def sheet(several: Sequence[Evidence]) -> str:
    """Return the sheet as Markdown."""
    found = units(several)
    parts = [
        "# Adherence sheet (EMERGE minimum criteria)",
        SAYS,
        _phases(several, found),
        _definitions(),
        _measurement(several, found),
        _results(found),
        "## Left to people\n\nDesign, setting, inclusion, sample size, ethics, intervention, "
        "other measures and limitations: the other 17 items of EMERGE.",
    ]
    return "\n\n".join(parts) + "\n"


def _phases(several: Sequence[Evidence], found: Sequence[Unit]) -> str:
    return (
        "## 1 Phases\n\nInitiation, implementation and persistence of "
        f"{len(several)} patients, {len(found)} compartments with a regimen."
    )


def _definitions() -> str:
    return (
        "## 2 Operational definitions\n\n"
        "- Initiation: the first verified access inside consent, order, activation and "
        "assignment.\n"
        "- Implementation: days with at least the expected accesses / judged days; beside it "
        "taking, capped taking, correct dosing, and timing (intervals within "
        f"{TIMING_TOLERANCE:.0%} of what was prescribed).\n"
        f"- Persistence: from the first to the last access if {DISCONTINUED_AFTER} due, monitored "
        "days without one follow; else to the end of observation, and then *at least* that long."
    )


def _measurement(several: Sequence[Evidence], found: Sequence[Unit]) -> str:
    days = [day for unit in found for day in unit.days]
    cut = sorted({f"{evidence.basis.cut:%H:%M}" for evidence in several})
    within = sorted({str(evidence.basis.within_s) for evidence in several})
    return (
        "## 3 Measurement\n\nElectronic monitoring: a light barrier in each compartment, read "
        f"while the lid is open. A day begins at {' or '.join(cut)}; accesses of one compartment "
        f"within {' or '.join(within)} s are one. Only records whose tag verified.\n\n"
        "| days | number |\n|---|---|\n"
        f"| observed | {len(days)} |\n"
        f"| judged | {sum(day.judged for day in days)} |\n"
        f"| fell short and not wholly seen (not judged) | {sum(day.unseen for day in days)} |\n"
        f"| non-monitored, entered by people | {sum(day.non_monitored for day in days)} |\n"
        f"| without a regimen | {sum(day.expected is None for day in days)} |\n"
        f"| with a correction by people | {sum(bool(day.added) for day in days)} |"
    )


def _results(found: Sequence[Unit]) -> str:
    begun = [unit.waited for unit in found if unit.waited is not None]
    waited = f"; days from activation: {_spread(begun)}" if begun else ""
    ended = sum(unit.persistence.discontinued for unit in found)
    lines = [
        f"## 4 Results\n\nInitiation: {len(begun)} of {len(found)}{waited}.\n",
        "Implementation (median, lowest to highest of the compartments, in %):\n",
        "| figure | with corrections | without |",
        "|---|---|---|",
    ]
    both = [_each(found, corrected) for corrected in (True, False)]
    for name in _SHARES:
        cells = [_spread(_percents(several, name)) for several in both]
        lines.append(f"| {name} | {cells[0]} | {cells[1]} |")
    excess = [sum(each.excess for each in several) for several in both]
    lines.append(f"| excess (sum) | {excess[0]} | {excess[1]} |")
    lines.append(f"\nPersistence: {ended} of {len(found)} discontinued.\n")
    lines += ["| days | went on (Kaplan-Meier) |", "|---|---|"]
    for at in _MARKS:
        share = going_on([unit.persistence for unit in found], at)
        if share is not None:
            lines.append(f"| {at} | {share:.1%} |")
    return "\n".join(lines)


def _each(found: Sequence[Unit], corrected: bool) -> list[Figures]:
    return [figures(unit.days, unit.accesses, corrected=corrected) for unit in found]


def _percents(several: Sequence[Figures], name: str) -> list[float]:
    shares: list[Share | None] = [getattr(each, name) for each in several]
    return [p for share in shares if share is not None and (p := share.percent) is not None]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
