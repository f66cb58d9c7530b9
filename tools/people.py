"""`dosewire evidence enter` and `entries`: what people say of an episode, appended for ever.

Exit codes: 0 done, 2 wrong input or a contradiction, said in one line.
"""

import datetime as dt
import json
import re
import sys
import time
import zoneinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from sim.backend.evidence.entries import OF_DATES, Entry, Kind, RuleError, utc_midnight

if TYPE_CHECKING:
    from sim.backend.evidence.ledger import Ledger

LedgerPath = Annotated[Path, typer.Option("--ledger", metavar="FILE", help="What people entered.")]
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9:]{5})?")
_VALUES = """
What --value says, by --kind: episode: patient, site, zone · order, consent, activation: nothing ·
shipped, assignment: dispenser · regimen: compartment, accesses a day; days on and off of a cycle ·
added: compartment, how many (pocket doses 1, openings that were no dose -1) · non_monitored:
hospital, absence or other · refill: dispenser, epoch, seq of a possible refill · reviewed: name of
an open item · system: respiratory, musculoskeletal, cognitive_behavioral or other · device:
confirmed or not_confirmed. Enter no names, no birth dates: pseudonyms only (docs/privacy.md).
"""


def now_ms() -> int:
    """Return the unix time in ms."""
    return time.time_ns() // 1_000_000


def enter(
    ledger: LedgerPath,
    by: Annotated[str, typer.Option(metavar="WHO", help="Who says so: a role or a number.")],
    episode: Annotated[str, typer.Option(metavar="EPISODE")],
    kind: Annotated[Kind, typer.Option(help="What is said; see below for its value.")],
    start: Annotated[
        str, typer.Option("--from", metavar="DATE", help="Date, or time like 2026-03-01T08:30.")
    ],
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="DATE", help="Last date, or the time it ends; none: open."),
    ] = None,
    value: Annotated[str, typer.Option(help="What the kind needs.")] = "",
    replaces: Annotated[
        int | None, typer.Option(metavar="ID", help="The earlier entry that this corrects.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Append one entry; what is there stays readable for ever."""
    # reading records needs the database's library, which a bench does without
    from sim.backend.evidence.ledger import Ledger, LedgerError

    try:
        opened = Ledger(ledger, now_ms, create=kind is Kind.EPISODE)
        try:
            zone = _zone(opened, kind, episode, value)
            first = _moment("--from", start, kind, zone)
            last = None if end is None else _moment("--to", end, kind, zone, last=True)
            if last is not None and last <= first:
                raise RuleError(f"--to {end}: ends before --from {start}")
            made = opened.enter(by, episode, kind, first, last, value, replaces)
        finally:
            opened.close()
    except (RuleError, LedgerError) as error:
        fail("enter", error)
    told = _plain(made)
    print(json.dumps(told) if as_json else f"entry {made.id}: {kind.value} of {episode}")


enter.__doc__ = f"{enter.__doc__}\n{_VALUES}"


def entries(
    ledger: LedgerPath,
    episode: Annotated[str | None, typer.Option(metavar="EPISODE", help="Only of this.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Show all entries, those included that a later one replaced."""
    from sim.backend.evidence.ledger import Ledger, LedgerError

    try:
        opened = Ledger(ledger, now_ms, create=False)
        try:
            every = opened.entries()
        finally:
            opened.close()
    except LedgerError as error:
        fail("entries", error)
    replaced = {entry.replaces for entry in every}
    mine = [entry for entry in every if episode in (None, entry.episode)]
    if as_json:
        print(json.dumps([_plain(entry) for entry in mine], indent=1))
        return
    for entry in mine:
        note = f" (replaced {entry.replaces})" if entry.replaces else ""
        gone = " [not in force any more]" if entry.id in replaced else ""
        until = "" if entry.end is None else _clock(entry.end)
        print(
            f"{entry.id:>5}  {_clock(entry.at)}  {entry.by}: {entry.episode} {entry.kind.value}"
            f"  {_clock(entry.start)} … {until}  {entry.value}{note}{gone}"
        )


def fail(command: str, error: Exception) -> NoReturn:
    """End with exit code 2 and one line."""
    print(f"dosewire evidence {command}: {error}", file=sys.stderr)
    raise typer.Exit(2) from error


def _zone(ledger: "Ledger", kind: Kind, episode: str, value: str) -> dt.tzinfo:
    if kind is not Kind.EPISODE:
        from sim.backend.evidence.programme import Programme

        try:
            return Programme(ledger.entries()).zone(episode)
        except KeyError:
            raise RuleError(f"no episode {episode!r}: enter --kind episode first") from None
    try:
        return zoneinfo.ZoneInfo(value.split()[-1])
    except (IndexError, zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise RuleError("--value needs patient, site and a zone like Europe/Zurich") from None


def _moment(option: str, text: str, kind: Kind, zone: dt.tzinfo, *, last: bool = False) -> int:
    """Return unix ms; a date alone is its midnight in the zone, as an end that of the next."""
    try:
        if _DATE.fullmatch(text):
            date = dt.date.fromisoformat(text) + dt.timedelta(days=last)
            midnight = dt.datetime.combine(date, dt.time(), zone)
            return utc_midnight(date) if kind in OF_DATES else round(midnight.timestamp() * 1000)
        if _MOMENT.fullmatch(text) and kind not in OF_DATES:
            at = dt.datetime.fromisoformat(text)
            at = at if at.tzinfo else at.replace(tzinfo=zone)
            return round(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    wanted = "a date" if kind in OF_DATES else "a date or a time like 2026-03-01T08:30"
    raise RuleError(f"{option} {text[:20]!r}: not {wanted}")


def _plain(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "at": _clock(entry.at),
        "by": entry.by,
        "episode": entry.episode,
        "kind": entry.kind.value,
        "start": _clock(entry.start),
        "end": None if entry.end is None else _clock(entry.end),
        "value": entry.value,
        "replaces": entry.replaces,
    }


def _clock(unix_ms: int) -> str:
    at = dt.datetime.fromtimestamp(unix_ms / 1000, dt.UTC)
    return at.isoformat(timespec="minutes").replace("+00:00", "Z")
