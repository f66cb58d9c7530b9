"""Commands for people at a bench and for engineers; the work is done elsewhere."""

import typer

from sim.cli import app as simulation
from tools.decode import decode
from tools.evidence import app as evidence
from tools.flash_app import CODES, flash
from tools.hardware import app as hardware
from tools.journal_app import app as journal
from tools.probe_app import probe
from tools.provision_app import provision, registry, retire
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
app.command()(probe)
app.add_typer(provision, name="provision")
app.command()(retire)
app.add_typer(registry, name="registry")
app.add_typer(journal, name="journal")
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command(context_settings=_PASSED_ON, add_help_option=False)
def backend(context: typer.Context) -> None:
    """Run the reference backend, or renew its store after a restore (`backend --help`)."""
    from sim.backend.cli import main

    raise typer.Exit(main(context.args))
