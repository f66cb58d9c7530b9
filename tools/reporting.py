"""What `dosewire evidence report`, `freeze` and `emerge` do; needs the database's library."""

import datetime as dt
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import DatabaseError

from sim.backend.evidence.calendar import Mark
from sim.backend.evidence.emerge import sheet
from sim.backend.evidence.entries import Kind, RuleError
from sim.backend.evidence.ledger import Frozen, Ledger, LedgerError
from sim.backend.evidence.plain import Change, text
from sim.backend.evidence.programme import Programme
from sim.backend.evidence.report import SAYS, Basis, Compartment, Evidence, PeriodError, Report
from sim.backend.evidence.sheets import SheetError, days_sheet
from sim.backend.evidence.sources import links, place, rows
from sim.backend.store import Store, StoreError, open_store
from tools.people import now_ms

_HOW = {
    "taking": "corrected / expected accesses; not capped",
    "taking_capped": "the same, each day counted up to what it expected",
    "correct_dosing": "days with exactly what was expected / judged days",
    "implementation": "days with at least what was expected / judged days",
    "timing": "intervals within 25 % of what was prescribed / such intervals",
    "excess": "accesses beyond what was expected, summed",
}
_SIGNS = {
    Mark.REACHED: "●",
    Mark.PARTLY: "◐",
    Mark.MISSED: "○",
    Mark.SILENT: "?",
    Mark.AWAY: "–",
    Mark.NOT_DUE: "·",
}
WRONG = (RuleError, LedgerError, StoreError, PeriodError, SheetError, DatabaseError, KeyError)
"""What the functions below raise."""


def one_line(error: Exception) -> Exception:
    """Return the error to show for one of `WRONG`."""
    if isinstance(error, KeyError):
        return RuleError(f"no episode {error.args[0]!r} in this ledger")
    return StoreError(str(error).splitlines()[0]) if isinstance(error, DatabaseError) else error


def make(store: str, ledger: Path, episode: str, period: str) -> tuple[Report, list[Frozen]]:
    """Return the report of now, and all frozen versions of its period. Raises WRONG."""
    people = Ledger(ledger, now_ms, create=False)
    try:
        programme = Programme(people.entries())
        frozen = people.frozen(episode, period)
    finally:
        people.close()
    opened = open_store(place(store), readonly=True)
    try:
        return _evidence(opened, programme, episode).report(period), frozen
    finally:
        opened.close()


def _evidence(store: Store, programme: Programme, episode: str) -> Evidence:
    held = rows(store, programme.dispensers(episode))
    return Evidence(Basis(programme, held, now_ms(), links(store, held)), episode)


def emerge_sheet(store: str, ledger: Path, site: str | None) -> str:
    """Return the EMERGE sheet of all patients, or of one site's. Raises WRONG."""
    people = Ledger(ledger, now_ms, create=False)
    try:
        programme = Programme(people.entries())
    finally:
        people.close()
    episodes = programme.only(Kind.EPISODE)
    chosen = [e.episode for e in episodes if site in (None, e.value.split()[1])]
    opened = open_store(place(store), readonly=True)
    try:
        return sheet([_evidence(opened, programme, each) for each in chosen])
    finally:
        opened.close()


def freeze(ledger: Path, by: str, made: Report) -> Frozen:
    """Append a report to the ledger as the next version of its period. Raises WRONG."""
    opened = Ledger(ledger, now_ms, create=False)
    try:
        return opened.freeze(by, made.episode, made.period, text(made))
    finally:
        opened.close()


def write(path: Path, made: Report, inputs: tuple[Path, ...]) -> None:
    """Write the days of a report as CSV. Raises SheetError."""
    sheet = {str(number): part.days for number, part in made.compartments.items()}
    try:
        if path.exists() and any(other.exists() and path.samefile(other) for other in inputs):
            raise SheetError(f"--csv {path}: is one of the inputs")
        path.write_text(days_sheet(sheet), encoding="utf-8", newline="")
    except OSError as error:
        raise SheetError(f"--csv {path}: {error.strerror}") from error


# For people


def page(made: Report) -> RenderableType:
    """Return a report for people."""
    parts: list[RenderableType] = [
        Text(f"Patient {made.patient} · site {made.site} · {made.span.start} to {made.span.end}"),
        Text(SAYS, "italic"),
        Text(
            f"Rests on {made.records} verified records (SHA-256 {made.digest[:16]}…), "
            f"{made.entries} entries of people, dates in {made.zone}."
        ),
        *_monitored(made),
        Text("\nEach date (the day begins at 03:00)", "bold"),
        Text("".join(_SIGNS[date.mark] for date in made.calendar) or "no date observed"),
        Text("  ".join(f"{sign} {mark.value.split(':')[0]}" for mark, sign in _SIGNS.items())),
        *_silences(made),
    ]
    for number, part in made.compartments.items():
        parts.append(Text(f"\nCompartment {number}", "bold"))
        parts.append(_figures(part))
    if not made.compartments:
        parts.append(Text("\nNobody entered a regimen: no adherence figure can be given.", "bold"))
    return Group(*parts)


def _monitored(made: Report) -> list[RenderableType]:
    counts = made.counts
    lines: list[RenderableType] = [
        Text(
            f"\nMonitored days: {len(counts.monitored)} civil dates with a dose access or response"
            f" (not added: lid only {len(counts.lid_only)}, merely alive {len(counts.alive)})"
        )
    ]
    for period, candidate in made.supply:
        why = f" ({candidate.because})" if candidate.because else ""
        state = "" if period.complete else ", not over yet"
        lines.append(
            Text(
                f"Supply period {period.number}, {period.start} to {period.end}{state}: "
                f"{period.monitored} days, {candidate.tier.value}{why}"
            )
        )
    for reason in sorted({reason for _, reason in counts.not_counted}):
        number = sum(other is reason for _, other in counts.not_counted)
        lines.append(Text(f"Not counted: {number} records, {reason.value}"))
    for whose, number in made.sealed.items():
        lines.append(Text(f"Sealed: {number} records, {whose.value}"))
    return lines


def _silences(made: Report) -> list[RenderableType]:
    silent = [date for date in made.calendar if date.mark is Mark.SILENT]
    causes = sorted({date.silence.cause for date in silent})
    return [
        Text(f"Not known on {sum(date.silence.cause is cause for date in silent)} dates: {cause}")
        for cause in causes
    ]


def _figures(part: Compartment) -> Table:
    table = Table("figure", "with corrections", "without", "how", box=SIMPLE_HEAD)
    for name, how in _HOW.items():
        pair = (part.with_corrections, part.without_corrections)
        table.add_row(name, *(str(getattr(figures, name)) for figures in pair), how)
    unseen = sum(day.unseen for day in part.days)
    table.add_row(
        "judged days",
        str(sum(day.judged for day in part.days)),
        "",
        f"{unseen} more fell short and were not wholly seen: not judged, not missed",
    )
    lasts = part.persistence
    ended = "discontinued" if lasts.discontinued else "at least"
    table.add_row(
        "persistence", f"{ended} {lasts.days} d", "", "first to last access; 30 due days"
    )
    slope = part.velocity.slope
    table.add_row(
        "slope",
        "-" if slope is None else f"{slope:+.2f} pp/day",
        "",
        "of taking over the last 7 judged due days",
    )
    return table


def versions(last: Frozen, found: list[Change]) -> Text:
    """Return what differs from the last frozen version, for people."""
    at = dt.datetime.fromtimestamp(last.at / 1000, dt.UTC).strftime("%Y-%m-%d %H:%MZ")
    if not found:
        return Text(f"\nVersion {last.version}, frozen {at}, says the same.")
    lines = [f"\nDiffers from version {last.version}, frozen {at}, in {len(found)} places:"]
    lines += [f"  {clean(str(change))}" for change in found[:20]]
    return Text("\n".join([*lines, *(["  …"] if len(found) > 20 else [])]))


def clean(line: str) -> str:
    """A terminal must not obey what a change holds."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
