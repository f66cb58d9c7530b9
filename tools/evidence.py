"""`dosewire evidence`: its commands, and `days`: adherence days from anybody's openings, in CSV.

Exit codes: 0 done, 2 wrong input, said in one line.
"""

import dataclasses
import datetime as dt
import json
import re
import sys
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sim.backend.evidence import sheets
from sim.backend.evidence.adherence import Figures, Share
from sim.backend.evidence.sheets import SheetError
from sim.backend.evidence.study import Result, Study, evaluate
from tools.cohort import demo
from tools.people import enter, entries
from tools.report import emerge, freeze, report

app = typer.Typer(no_args_is_help=True, help="What records and openings can prove.")
_CUT = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_SECONDS = re.compile(r"[0-9]{1,5}")
_WIDE = 200
_COLUMNS = ("monitor", "corrections", "days", "recorded", "added", "expected", "excess")
_SHARES = ("taking", "taking_capped", "correct_dosing", "implementation", "timing")


for command in (report, freeze, emerge, enter, entries, demo):
    app.command()(command)


@app.command()
def days(
    openings: Annotated[Path, typer.Option(metavar="CSV", help="monitor,opened_at")],
    monitors: Annotated[Path, typer.Option(metavar="CSV", help="monitor,start,end")],
    regimen: Annotated[Path, typer.Option(metavar="CSV", help="…,expected,on,off")],
    out: Annotated[Path, typer.Option(metavar="CSV", help="Gets one line a monitor and date.")],
    added: Annotated[Path | None, typer.Option(metavar="CSV", help="monitor,date,added")] = None,
    nonmonitored: Annotated[
        Path | None, typer.Option(metavar="CSV", help="monitor,start,end")
    ] = None,
    day_cut: Annotated[
        str, typer.Option(metavar="HH:MM", help="Local time at which a day begins.")
    ] = "03:00",
    collapse: Annotated[
        str, typer.Option(metavar="SECONDS", help="An opening sooner than this is a repeat.")
    ] = "0",
    zone: Annotated[
        str | None, typer.Option(help="Whose clock counts for times that carry an offset.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Compare openings with what was expected, day by day (definitions: docs/evidence.md)."""
    inputs = [path for path in (openings, monitors, regimen, added, nonmonitored) if path]
    try:
        cut, within, clock = _cut(day_cut), _seconds(collapse), _zone(zone)
        study = Study(
            sheets.openings(openings, clock),
            sheets.monitors(monitors),
            sheets.regimens(regimen),
            sheets.added(added) if added else {},
            sheets.non_monitored(nonmonitored) if nonmonitored else {},
        )
        results = evaluate(study, cut, within)
        _write(out, sheets.days_sheet({name: r.days for name, r in results.items()}), inputs)
    except SheetError as error:
        _fail(error)
    _warn(study)
    if as_json:
        summary = {name: _summary(result) for name, result in results.items()}
        print(json.dumps(summary, default=_plain, indent=2))
    else:
        _print_tables(results)


def _fail(error: Exception) -> NoReturn:
    print(f"dosewire evidence days: {error}", file=sys.stderr)
    raise typer.Exit(2) from error


def _cut(text: str) -> dt.time:
    found = _CUT.fullmatch(text)
    if found is None:
        raise SheetError(f"--day-cut {text[:20]!r}: not a time of day like 03:00")
    return dt.time(int(found[1]), int(found[2]))


def _seconds(text: str) -> dt.timedelta:
    if not _SECONDS.fullmatch(text) or int(text) > 86400:
        raise SheetError(f"--collapse {text[:20]!r}: not whole seconds from 0 to 86400")
    return dt.timedelta(seconds=int(text))


def _zone(name: str | None) -> dt.tzinfo | None:
    try:
        return None if name is None else zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SheetError(f"--zone {name!r}: not a zone like Europe/Zurich") from error


def _write(out: Path, text: str, inputs: list[Path]) -> None:
    try:
        if out.exists() and any(out.samefile(path) for path in inputs):
            raise SheetError(f"--out {out}: is one of the inputs")
        out.write_text(text, encoding="utf-8", newline="")
    except (OSError, ValueError) as error:
        if isinstance(error, SheetError):
            raise
        raise SheetError(f"--out {out}: {getattr(error, 'strerror', None) or error}") from error


def _warn(study: Study) -> None:
    for part, names in study.strangers().items():
        some = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        print(
            f"dosewire evidence days: {part}: {len(names)} without dates of observation, "
            f"left out: {some}",
            file=sys.stderr,
        )


# The summary


def _summary(result: Result) -> dict[str, Any]:
    return {
        "days": len(result.days),
        "non_monitored": sum(day.non_monitored for day in result.days),
        "without_regimen": sum(day.expected is None for day in result.days),
        "recorded": sum(day.recorded for day in result.days),
        "added": sum(day.added for day in result.days),
        "corrected": sum(day.corrected for day in result.days),
        "merged": result.merged,
        "outside": result.outside,
        "added_outside": result.added_outside,
        "with_corrections": _figures(result.with_corrections),
        "without_corrections": _figures(result.without_corrections),
        "persistence": dataclasses.asdict(result.persistence),
        "velocity": dataclasses.asdict(result.velocity),
    }


def _figures(figures: Figures) -> dict[str, Any]:
    shares = {name: getattr(figures, name) for name in _SHARES}
    return {"excess": figures.excess} | {name: _share(share) for name, share in shares.items()}


def _share(share: Share) -> dict[str, float | int | None]:
    return {"part": share.part, "whole": share.whole, "percent": share.percent}


def _plain(value: object) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(type(value))


def _print_tables(results: Mapping[str, Result]) -> None:
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    table = Table(*_COLUMNS, *_SHARES, "left out", box=SIMPLE_HEAD)
    for name, result in results.items():
        for corrected in (True, False):
            table.add_row(*map(_safe, _cells(name, result, corrected)))
    console.print(table)
    console.print("Access, not ingestion. Shares in % (counted/of); definitions: docs/evidence.md")


def _cells(name: str, result: Result, corrected: bool) -> list[str]:
    judged = [day for day in result.days if day.judged]
    figures = result.with_corrections if corrected else result.without_corrections
    numbers = [
        len(judged),
        sum(day.recorded for day in judged),
        sum(day.added for day in judged) if corrected else 0,
        sum(day.expected or 0 for day in judged),
        figures.excess,
    ]
    shares = [str(getattr(figures, share)) for share in _SHARES]
    which = "with" if corrected else "without"
    return [name, which, *map(str, numbers), *shares, _left_out(result) if corrected else ""]


def _left_out(result: Result) -> str:
    counts = {
        "non-monitored": sum(day.non_monitored for day in result.days),
        "without regimen": sum(day.expected is None for day in result.days),
        "repeats": result.merged,
        "outside": result.outside,
        "added outside": result.added_outside,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def _safe(text: str) -> Text:
    """A terminal must not obey what a cell holds."""
    return Text("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))
