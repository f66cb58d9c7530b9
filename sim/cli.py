"""`dosewire sim ...`: run the simulated world, and check what a run says of itself."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import sqlite3
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from sim import folders, scenario_cli
from sim.ending import end_on_signals, innermost

if TYPE_CHECKING:
    from sim.report import Report

app = typer.Typer(name="sim", help="The simulated world.", no_args_is_help=True)
app.command("run")(scenario_cli.run)
app.command("list")(scenario_cli.list_)
app.command("fleet")(scenario_cli.fleet)
Runs = Annotated[Path, typer.Option(help="Folder that gets one folder for each run.")]
_INTERRUPTED = 130


@app.command()
def demo(
    headless: Annotated[bool, typer.Option(help="Scripted, without a terminal, ends.")] = False,
    report: Annotated[Path | None, typer.Option(help="Also write the report here.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the patients; random if left.")] = None,
    runs: Runs = Path("runs"),
) -> None:
    """Run the whole chain, with faults (--headless) or to look at it until Ctrl-C."""
    if report is not None:
        _check_copy(report)
    chosen = secrets.randbelow(1 << 32) if seed is None else seed
    folder = _own_folder(runs, f"{time.strftime('%Y%m%d-%H%M%S')}-{chosen}")
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"seed {chosen}, run {folder}")
    try:
        work = (
            _headless(folder, chosen, report, console)
            if headless
            else _live(folder, chosen, console)
        )
        code = asyncio.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("interrupted; everything is stopped")
        raise typer.Exit(_INTERRUPTED) from None
    except ModuleNotFoundError:
        raise
    except Exception as group:
        _tell_failure(innermost(group), folder, console)
        raise typer.Exit(1) from group
    raise typer.Exit(code)


def _own_folder(runs: Path, name: str, command: str = "demo") -> Path:
    try:
        return folders.own(runs, name)
    except OSError as error:
        raise _wrong(f"--runs {runs}: {error.strerror}", command) from error


def _check_copy(report: Path) -> None:
    folder = report.absolute().parent
    if not folder.is_dir():
        raise _wrong(f"--report {report}: its folder is not there")
    if report.is_dir() or not os.access(report if report.exists() else folder, os.W_OK):
        raise _wrong(f"--report {report}: cannot be written")


def _wrong(text: str, command: str = "demo") -> typer.Exit:
    print(f"dosewire sim {command}: {text}", file=sys.stderr)
    return typer.Exit(2)


async def _live(folder: Path, seed: int, console: Console) -> int:
    from sim.view import view

    end_on_signals()
    await view(folder, seed, console)
    return 0


async def _headless(folder: Path, seed: int, copy: Path | None, console: Console) -> int:
    from sim.demo import demo as scripted
    from sim.report import REPORT

    end_on_signals()
    try:
        report = await scripted(folder, seed, lambda text: console.print(text, markup=False))
    except Exception as group:
        _tell_failure(innermost(group), folder, console)
        _show_what_is_there(folder, console)
        return 1
    if copy is not None:
        copy.write_bytes((folder / REPORT).read_bytes())
    _show(report, console)
    return 0 if report.agree else 1


def _tell_failure(error: BaseException, folder: Path, console: Console) -> None:
    if not isinstance(error, RuntimeError):
        traceback.print_exception(error)
    console.print(f"THE RUN FAILED: {error}\nlook into {folder}/logs", markup=False)


def _show_what_is_there(folder: Path, console: Console) -> None:
    """Show how far a run has come that did not come to its end."""
    from sim.report import compute

    try:
        _show(compute(folder), console)
    except (OSError, sqlite3.Error, ValueError, LookupError) as error:
        console.print(f"no figures: {error}", markup=False)


@app.command()
def console(
    dispensers: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 2,
    gateways: Annotated[int, typer.Option(min=1, max=4, help="Cables begin in gw-1.")] = 1,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8080,
    show: Annotated[bool, typer.Option(help="Open a browser, where there is a display.")] = True,
    seed: Annotated[int | None, typer.Option(help="Seed of the patients; random if left.")] = None,
    virtual: Annotated[
        bool, typer.Option(help="A world whose time can be sped up: x60, or to what comes next.")
    ] = False,
    modem: Annotated[
        bool, typer.Option(help="The first gateway has a modem, all are behind a radio cell.")
    ] = False,
    runs: Runs = Path("runs"),
) -> None:
    """Play the patient in a browser, watch each record travel, break any part; Ctrl-C ends it.

    Listens on this machine only. Everything behind it is real: firmware in MicroPython, gateway,
    broker and backend as processes; the run's folder stays for `sim verify` and a closer look.
    With --virtual (or *anew with time control* on the page) they are the same programs, in a time
    that can be let go faster; gateway and backend then keep the pace they have in the field.
    """
    from sim.console.serve import Wanted
    from sim.console.serve import console as serve

    chosen = secrets.randbelow(1 << 32) if seed is None else seed

    def own() -> Path:
        return _own_folder(runs, f"{time.strftime('%Y%m%d-%H%M%S')}-{chosen}", "console")

    # what is wrong with --runs is told before anything runs
    first, made = own(), list[Path]()

    def folder() -> Path:
        made.append(own() if made else first)
        return made[-1]

    async def run() -> None:
        end_on_signals()
        wanted = Wanted(folder, runs / ".factory", chosen, dispensers, gateways, virtual, modem)
        await serve(wanted, port, show, lambda text: print(text, flush=True))

    try:
        asyncio.run(run())
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("interrupted; everything is stopped")
        raise typer.Exit(_INTERRUPTED) from None
    except Exception as group:
        error = innermost(group)
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            text = f"port {port} is taken; name another: --port 0 takes any free one"
            print(f"dosewire sim console: {text}", file=sys.stderr)
            raise typer.Exit(2) from error
        _tell_failure(error, made[-1] if made else first, Console(highlight=False, soft_wrap=True))
        raise typer.Exit(1) from group


@app.command()
def verify(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
) -> None:
    """Compute a run's report anew from its files and compare it with the one it wrote.

    What the run's story wants is looked at again, too, if it is one of `sim list`. Exit codes: 0
    ledger and backend agree, the story holds and the report says what the files say; 1 otherwise.
    """
    from sim.verify import VerifyError, story
    from sim.verify import verify as recompute

    console = Console(highlight=False, soft_wrap=True)
    try:
        report, unlike = recompute(run)
    except VerifyError as error:
        print(f"dosewire sim verify: {error}{_inside(run)}", file=sys.stderr)
        raise typer.Exit(1) from error
    _show(report, console)
    unmet = story(run, report)
    for line in [*unmet, *unlike]:
        console.print(line, markup=False)
    told = "confirmed" if not unlike else "NOT what the files say"
    console.print(f"report: {told}{'; the story does NOT hold' if unmet else ''}")
    raise typer.Exit(0 if report.agree and not (unlike or unmet) else 1)


def _inside(folder: Path) -> str:
    """Name the runs of a folder that is no run itself, as those of `sim run` are not."""
    from sim.report import REPORT

    if (folder / REPORT).exists():
        return ""
    found = sorted(path.parent for path in folder.glob(f"*/{REPORT}"))
    return f"; runs in it: {' '.join(map(str, found))}" if found else ""


def _show(report: Report, console: Console) -> None:
    """Print a report: figures as a table, differences one a line."""
    table = Table(show_header=False, box=None)
    details = ("differences", "undecided_records", "agree")
    for name in report.__struct_fields__:
        if name not in details:
            table.add_row(name.replace("_", " "), str(getattr(report, name)))
    console.print(table)
    for line in report.undecided_records:
        console.print(f"undecided    {line}", markup=False)
    for line in report.differences:
        console.print(line, markup=False)
    console.print("ledger and backend agree" if report.agree else "LEDGER AND BACKEND DIFFER")
