"""Commands for people at a bench and for engineers; the work is done elsewhere."""

import json
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from sim.cli import app as simulation
from tools.decode import decode
from tools.evidence import app as evidence
from tools.flash_app import CODES, flash
from tools.hardware import app as hardware
from tools.regenerate import app as regenerate
from tools.release_app import app as release

app = typer.Typer(
    name="dosewire",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="`dosewire gateway --help`, `dosewire modem --help`: need only the extra [gateway].",
)
app.add_typer(simulation)
app.add_typer(regenerate, name="protocol")
app.add_typer(evidence, name="evidence")
app.add_typer(release, name="release")
app.add_typer(hardware, name="hardware")
app.command()(decode)
app.command(epilog=f"Exit codes:\n\n{CODES}")(flash)
Port = Annotated[Path, typer.Option(help="Serial port, such as /dev/ttyACM0.")]
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command()
def provision(
    port: Port,
    registry: Annotated[Path, typer.Option(help="File that keeps the secrets.")],
    again: Annotated[bool, typer.Option(help="Begin a new epoch; its records are lost.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Give a dispenser its id, a new epoch and its chain key."""
    from sim.backend.registry import RegistryError
    from tools import provision as provisioning
    from tools.flash import FlashError
    from tools.port import PortError

    try:
        given = provisioning.provision(port, registry, again=again)
    except (provisioning.ProvisionError, RegistryError, FlashError, PortError) as error:
        _fail("provision", error)
    except KeyboardInterrupt:
        _interrupted("provision", "run this again before the dispenser leaves the bench")
    if as_json:
        print(json.dumps({"dispenser": given.dispenser, "epoch": given.epoch}))
    else:
        print(f"{port}: dispenser {given.dispenser}, epoch {given.epoch}, {given.reason.name}")
        if given.removed:
            print(f"removed: epoch {given.previous} with its {given.removed} records")


@app.command(context_settings=_PASSED_ON, add_help_option=False)
def backend(context: typer.Context) -> None:
    """Run the reference backend, or renew its store after a restore (`backend --help`)."""
    from sim.backend.cli import main

    raise typer.Exit(main(context.args))


def _interrupted(command: str, told: str) -> NoReturn:
    print(f"dosewire {command}: interrupted; {told}", file=sys.stderr)
    raise typer.Exit(130)


def _fail(command: str, error: Exception) -> NoReturn:
    print(f"dosewire {command}: {error}", file=sys.stderr)
    raise typer.Exit(int(getattr(error, "exit", 1))) from error
