"""`dosewire evidence demo`: a folder with patients to look at, their records tagged and verified.

Exit codes: 0 done, 2 the folder is there already or cannot be written, 130 interrupted.
"""

import datetime as dt
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tools.people import fail

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())


def demo(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Made anew.")],
    patients: Annotated[int, typer.Option(min=1, max=5000)] = 12,
    days: Annotated[int, typer.Option(min=5, max=400)] = 30,
    seed: Annotated[int, typer.Option(help="The same seed makes the same patients.")] = 7,
) -> None:
    """Make a store and a ledger of invented patients, to try reports and pages with."""
    # the database is slow to import, and `days` needs none
    from sim.backend.pages.cohort import LEDGER, STORE, Plan, make

    console = Console(stderr=True)
    try:
        out.mkdir(parents=True)
        yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
        with Progress(*_COLUMNS, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("patients", total=patients)
            plan = Plan(patients, days, yesterday, seed)
            make(out, plan, lambda done, _: bar.update(task, completed=done))
    except OSError as error:
        fail("demo", ValueError(f"--out {out}: {error.strerror}"))
    except KeyboardInterrupt:
        shutil.rmtree(out, ignore_errors=True)
        print("dosewire evidence demo: interrupted, nothing is left", file=sys.stderr)
        raise typer.Exit(130) from None
    print(f"dosewire backend pages --store {out / STORE} --ledger {out / LEDGER}")
