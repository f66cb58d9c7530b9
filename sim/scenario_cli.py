"""`dosewire sim run`, `sim list`: scenarios from the command line."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from sim import folders
from sim.ending import end_on_signals, innermost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.batch import Chosen, Result

Runs = Annotated[Path, typer.Option(help="Folder that gets one folder for each batch.")]
_INTERRUPTED = 130
_ROOM_MB = 100
"""A run of days takes a tenth of it, and a dispenser is made beside it."""


def run(
    scenarios: Annotated[
        list[str] | None, typer.Argument(help="Names, see `sim list`; or files x.toml.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    smoke: Annotated[bool, typer.Option(help="Those marked smoke.")] = False,
    seed: Annotated[int | None, typer.Option(help="Instead of each scenario's own.")] = None,
    board: Annotated[
        str,
        typer.Option(
            metavar="TARGET",
            help="emulated; or a real one: serial:/dev/ttyACM0,fixture=/dev/ttyACM1 or "
            "serial:/dev/ttyACM0,by-hand (its journal is replaced).",
        ),
    ] = "emulated",
    report: Annotated[
        Path | None, typer.Option(help="Folder for results.json and junit.xml.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", min=1, help="How many at once; all cores.")
    ] = None,
    runs: Runs = Path("runs"),
) -> None:
    """Play scenarios in virtual time; after each the laws and the ledger are checked.

    `sim run first-day` plays one, `sim run --smoke` the quick ones in a few minutes, `sim run
    --all` every one. `sim list` tells their stories; x.toml is one of your own, as the console
    saves it.

    Each run's folder keeps images, spool, store, ledger, report and timeline.html: open that when
    a run is wrong, it shows where a record was seen last; the command that plays it again is
    printed. `sim verify FOLDER` recomputes every figure from the files.

    Exit codes: 0 all good (or skipped: a board or a machine that lacks something says so), 1
    something is wrong, 2 no such scenario, board or folder, 130 interrupted.
    """
    from sim import batch
    from sim import jobs as playing
    from sim.scenario_file import ScenarioFileError

    try:
        chosen = batch.chosen(scenarios or [], everything=everything, smoke=smoke)
    except KeyError as error:
        raise _usage(f"no scenario {error}{_like(error.args[0])}") from None
    except ScenarioFileError as error:
        raise _usage(str(error)) from None
    if not chosen or (scenarios and (everything or smoke)):
        raise _usage("name scenarios, or --all, or --smoke; `dosewire sim list` names them")
    real = _parsed(board)
    if report is not None:
        _make(report)
    folder = _own_folder(runs, "scenarios")
    console = Console(highlight=False, soft_wrap=True)

    async def play() -> list[Result]:
        end_on_signals()
        cache = runs / ".factory"

        def say(result: Result) -> None:
            _tell(result, console)

        with contextlib.nullcontext() if real else console.status("making a dispenser") as status:

            def running(now: Sequence[Chosen]) -> None:
                told = [f"{one.scenario.name}: {one.scenario.story}" for one in now]
                if status is None:
                    console.print(*told, sep="\n", markup=False)
                else:
                    status.update(told[0] if len(now) == 1 else ", ".join(n.word for n in now))

            at_once = 1 if real else jobs or playing.cores()
            return await playing.run(chosen, folder, cache, seed, board, at_once, running, say)

    try:
        results = asyncio.run(play())
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("interrupted; everything is stopped")
        raise typer.Exit(_INTERRUPTED) from None
    except (RuntimeError, OSError, ExceptionGroup) as error:
        # what goes wrong in a scenario is among its results
        raise _failed(f"cannot play: {innermost(error)}") from None
    told = _told(results)
    try:
        batch.write(report or folder, results)
    except OSError as error:
        raise _failed(f"{told}; but no report: {error}") from None
    console.print(f"{told}; {report or folder}/junit.xml")
    raise typer.Exit(0 if all(result.good for result in results) else 1)


def _told(results: Sequence[Result]) -> str:
    skipped = sum(bool(result.skipped) for result in results)
    bad = sum(not result.good for result in results)
    told = f"{len(results) - bad - skipped} good, {bad} wrong"
    return f"{told}, {skipped} skipped" if skipped else told


def fleet(
    count: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many.")] = 100,
    seconds: Annotated[float, typer.Option(min=1, help="How long patients live.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Seed of the patients.")] = 1,
    runs: Runs = Path("runs"),
) -> None:
    """Run many emulated dispensers on one gateway in real time; ledger and backend must agree.

    Exit codes: 0 they do, 1 they do not or it did not come to its end, 2 no such folder, 130
    interrupted.
    """
    from sim import factory
    from sim.fleet import fleet as many

    folder = _own_folder(runs, f"fleet-{count}")
    console = Console(highlight=False, soft_wrap=True)

    async def work() -> int:
        end_on_signals()
        image = await factory.flashed(runs / ".factory")
        found = await many(folder, seed, count, seconds, image, console.print)
        for line in found.report.differences[:20]:
            console.print(line, markup=False)
        told = "agree" if found.report.agree else "DIFFER"
        stored = found.report.records_stored
        console.print(f"{count} dispensers, {stored} records: ledger and backend {told}; {folder}")
        if not found.report.agree:
            console.print(f"look at {folder}/timeline.html")
        return 0 if found.report.agree else 1

    try:
        code = asyncio.run(work())
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("interrupted; everything is stopped")
        raise typer.Exit(_INTERRUPTED) from None
    except (RuntimeError, OSError, ExceptionGroup) as error:
        raise _failed(f"did not come to its end: {innermost(error)}; {folder}/logs") from None
    raise typer.Exit(code)


def list_(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """Name all scenarios with their stories; --json adds days, faults and what each needs."""
    from sim.scenarios import SCENARIOS

    if as_json:
        from sim import targets

        found = [
            {
                "name": s.name, "story": s.story, "days": s.days, "seed": s.seed,
                "begins": s.begins, "dispensers": list(s.dispensers),
                "gateways": list(s.gateways), "patients": dict(s.patients),
                "tags": sorted(s.tags), "faults": sorted(s.faults()),
                "needs": sorted(targets.needed(s)),
            }
            for s in SCENARIOS.values()
        ]  # fmt: skip
        print(json.dumps(found))
        return
    width = max(map(len, SCENARIOS))
    for scenario in SCENARIOS.values():
        tags = f" [{', '.join(sorted(scenario.tags))}]" if scenario.tags else ""
        print(f"{scenario.name:<{width}}  {scenario.story}{tags}")


def _like(word: str) -> str:
    from sim.scenarios import SCENARIOS

    near = difflib.get_close_matches(word, SCENARIOS, 1)
    return f"; did you mean {near[0]}?" if near else "; `dosewire sim list` names them"


def _parsed(board: str) -> bool:
    """Return whether a board target is a real one."""
    from sim import targets

    try:
        spec = targets.parse(board)
    except targets.TargetError as error:
        raise _usage(str(error)) from None
    if spec is None:
        return False
    for port in filter(None, (spec.port, spec.fixture)):
        if not port.exists():
            raise _usage(f"no port {port}: `ls /dev/serial/by-id` tells what is plugged in")
    return True


def _own_folder(runs: Path, what: str) -> Path:
    from sim.faults import FaultError
    from sim.faults.disk import take_away_left

    try:
        for left in take_away_left(runs):
            print(f"a run that was killed had left a small disk at {left}: taken away")
    except FaultError as error:
        print(f"dosewire sim: {error}", file=sys.stderr)
    try:
        folder = folders.own(runs, time.strftime(f"%Y%m%d-%H%M%S-{what}"))
        room = shutil.disk_usage(folder).free >> 20
    except OSError as error:
        raise _usage(f"--runs {runs}: {error.strerror}") from error
    if room < _ROOM_MB:
        folder.rmdir()
        raise _usage(f"--runs {runs}: {room} MB left on that disk, runs want {_ROOM_MB}")
    return folder


def _make(report: Path) -> None:
    try:
        report.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _usage(f"--report {report}: {error.strerror}") from error
    if not os.access(report, os.W_OK):
        raise _usage(f"--report {report}: cannot be written")


def _tell(result: Result, console: Console) -> None:
    how = "skipped" if result.skipped else "good" if result.good else "WRONG"
    console.print(f"{how:<8} {result.seconds:6.1f} s  {result.scenario}  {result.skipped}")
    if not result.good:
        for line in result.wrong[:20]:
            console.print(f"    {line}", markup=False)
        console.print(f"    replay: {result.replay}\n    look at {result.run}/timeline.html")


def _failed(text: str) -> typer.Exit:
    print(f"dosewire sim: {text}", file=sys.stderr)
    return typer.Exit(1)


def _usage(text: str) -> typer.Exit:
    print(f"dosewire sim: {text}", file=sys.stderr)
    return typer.Exit(2)
