"""`dosewire evidence report`, `freeze` and `emerge`: what a store and its ledger prove.

Exit codes: 0 done, 2 wrong input, said in one line. The work is in `tools.reporting`, loaded when
it is needed: the bench's commands do without a database.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tools.people import LedgerPath, fail

_WIDE = 110
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
    from sim.backend.evidence.plain import changes, plain, text
    from tools import reporting

    try:
        made, frozen = reporting.make(store, ledger, episode, period)
        if csv is not None:
            reporting.write(csv, made, (Path(store), ledger))
    except reporting.WRONG as error:
        fail("report", reporting.one_line(error))
    if as_json:
        print(json.dumps(plain(made), indent=1))
        return
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    console.print(reporting.page(made))
    if frozen:
        last = frozen[-1]
        console.print(reporting.versions(last, changes(last.text, text(made))))


def freeze(
    store: StorePlace,
    ledger: LedgerPath,
    episode: Episode,
    period: Period,
    by: Annotated[str, typer.Option(metavar="WHO", help="Who says so: a role or a number.")],
) -> None:
    """Keep a period's report for ever as its next version, if it is not what the last one said."""
    from sim.backend.evidence.plain import changes, text
    from tools import reporting

    try:
        made, frozen = reporting.make(store, ledger, episode, period)
        found = changes(frozen[-1].text, text(made)) if frozen else []
        if frozen and not found:
            print(f"version {frozen[-1].version} of {period} says the same: nothing frozen")
            return
        new = reporting.freeze(ledger, by, made)
    except reporting.WRONG as error:
        fail("freeze", reporting.one_line(error))
    print(f"version {new.version} of {period} is frozen")
    for change in found:
        print(f"  {reporting.clean(str(change))}")


def emerge(
    store: StorePlace,
    ledger: LedgerPath,
    site: Annotated[str | None, typer.Option(metavar="SITE", help="Only patients of it.")] = None,
) -> None:
    """Print a sheet for reporting the adherence of all patients (EMERGE), as Markdown."""
    from tools import reporting

    try:
        print(reporting.emerge_sheet(store, ledger, site), end="")
    except reporting.WRONG as error:
        fail("emerge", reporting.one_line(error))
