"""`dosewire evidence report`, `freeze` and `emerge`: what a store and its ledger prove.

Exit codes: 0 done, 2 wrong input, said in one line.
"""

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import DatabaseError

from sim.backend.evidence.calendar import Mark
from sim.backend.evidence.emerge import sheet
from sim.backend.evidence.entries import Kind, RuleError
from sim.backend.evidence.ledger import Frozen, Ledger, LedgerError
from sim.backend.evidence.plain import Change, changes, plain, text
from sim.backend.evidence.programme import Programme
from sim.backend.evidence.report import SAYS, Basis, Compartment, Evidence, PeriodError, Report
from sim.backend.evidence.sheets import SheetError, days_sheet
from sim.backend.evidence.sources import links, place, rows
from sim.backend.store import Store, StoreError, open_store
from tools.people import LedgerPath, fail, now_ms

_WIDE = 110
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
StorePlace = Annotated[
    str, typer.Option("--store", metavar="STORE", help="Verified records: file, or postgresql://…")
]
Episode = Annotated[str, typer.Option(metavar="EPISODE")]
Period = Annotated[
    str, typer.Option(metavar="PERIOD", help="A month like 2026-03, or a supply period's number.")
]


def report(
    store: StorePlace,
    ledger: LedgerPath,
    episode: Episode,
    period: Period,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Gets one line a compartment and date.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Say what is proved of a period, how each figure came about, and what it rests on."""
    try:
        made, frozen = _make(store, ledger, episode, period)
        if csv is not None:
            _write(csv, made, (Path(store), ledger))
    except _WRONG as error:
        fail("report", _one_line(error))
    if as_json:
        print(json.dumps(plain(made), indent=1))
        return
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    console.print(_page(made))
    if frozen:
        last = frozen[-1]
        console.print(_versions(last, changes(last.text, text(made))))


def freeze(
    store: StorePlace,
    ledger: LedgerPath,
    episode: Episode,
    period: Period,
    by: Annotated[str, typer.Option(metavar="WHO", help="Who says so: a role or a number.")],
) -> None:
    """Keep a period's report for ever as its next version, if it is not what the last one said."""
    try:
        made, frozen = _make(store, ledger, episode, period)
        found = changes(frozen[-1].text, text(made)) if frozen else []
        if frozen and not found:
            print(f"version {frozen[-1].version} of {period} says the same: nothing frozen")
            return
        opened = Ledger(ledger, now_ms, create=False)
        try:
            new = opened.freeze(by, episode, period, text(made))
        finally:
            opened.close()
    except _WRONG as error:
        fail("freeze", _one_line(error))
    print(f"version {new.version} of {period} is frozen")
    for change in found:
        print(f"  {_clean(str(change))}")


def emerge(
    store: StorePlace,
    ledger: LedgerPath,
    site: Annotated[str | None, typer.Option(metavar="SITE", help="Only patients of it.")] = None,
) -> None:
    """Print a sheet for reporting the adherence of all patients (EMERGE), as Markdown."""
    try:
        people = Ledger(ledger, now_ms, create=False)
        try:
            programme = Programme(people.entries())
        finally:
            people.close()
        episodes = programme.only(Kind.EPISODE)
        chosen = [e.episode for e in episodes if site in (None, e.value.split()[1])]
        opened = open_store(place(store), readonly=True)
        try:
            print(sheet([_evidence(opened, programme, each) for each in chosen]), end="")
        finally:
            opened.close()
    except _WRONG as error:
        fail("emerge", _one_line(error))


_WRONG = (RuleError, LedgerError, StoreError, PeriodError, SheetError, DatabaseError, KeyError)


def _one_line(error: Exception) -> Exception:
    if isinstance(error, KeyError):
        return RuleError(f"no episode {error.args[0]!r} in this ledger")
    return StoreError(str(error).splitlines()[0]) if isinstance(error, DatabaseError) else error


def _make(store: str, ledger: Path, episode: str, period: str) -> tuple[Report, list[Frozen]]:
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


def _write(path: Path, made: Report, inputs: tuple[Path, ...]) -> None:
    sheet = {str(number): part.days for number, part in made.compartments.items()}
    try:
        if path.exists() and any(other.exists() and path.samefile(other) for other in inputs):
            raise SheetError(f"--csv {path}: is one of the inputs")
        path.write_text(days_sheet(sheet), encoding="utf-8", newline="")
    except OSError as error:
        raise SheetError(f"--csv {path}: {error.strerror}") from error


# For people


def _page(made: Report) -> RenderableType:
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


def _versions(last: Frozen, found: list[Change]) -> Text:
    at = dt.datetime.fromtimestamp(last.at / 1000, dt.UTC).strftime("%Y-%m-%d %H:%MZ")
    if not found:
        return Text(f"\nVersion {last.version}, frozen {at}, says the same.")
    lines = [f"\nDiffers from version {last.version}, frozen {at}, in {len(found)} places:"]
    lines += [f"  {_clean(str(change))}" for change in found[:20]]
    return Text("\n".join([*lines, *(["  …"] if len(found) > 20 else [])]))


def _clean(line: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
