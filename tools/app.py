"""Commands for people at a bench and for engineers; the work is done elsewhere."""

import typer

from sim.cli import app as simulation
from tools.decode import decode
from tools.evidence import app as evidence
from tools.flash_app import CODES, flash
from tools.hardware import app as hardware
from tools.journal_app import app as journal
from tools.kit_app import bench_test, kit
from tools.probe_app import probe
from tools.provision_app import provision, registry, retire
from tools.regenerate import app as regenerate
from tools.release_app import app as release

_BENCH = "At the bench (docs/field-guide.md)"
_RELEASES = "Releases and boards"
_CLINIC = "Backend and evidence"
_ENGINEERS = "For engineers"
app = typer.Typer(
    name="dosewire",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="From a bag of parts to a kit that works, and all that its records can prove.",
    epilog="On a gateway box: `dosewire gateway --help`, `dosewire modem --help`. "
    "Exit codes are the same for all commands of the bench: `dosewire flash --help`.",
)
app.command(rich_help_panel=_BENCH, epilog=f"Exit codes:\n\n{CODES}")(flash)
app.command(rich_help_panel=_BENCH)(probe)
app.add_typer(provision, name="provision", rich_help_panel=_BENCH)
app.command("bench-test", rich_help_panel=_BENCH)(bench_test)
app.add_typer(kit, name="kit", rich_help_panel=_BENCH)
app.add_typer(journal, name="journal", rich_help_panel=_BENCH)
app.command(rich_help_panel=_BENCH)(retire)
app.add_typer(registry, name="registry", rich_help_panel=_BENCH)
app.add_typer(release, name="release", rich_help_panel=_RELEASES)
app.add_typer(hardware, name="hardware", rich_help_panel=_RELEASES)
app.add_typer(evidence, name="evidence", rich_help_panel=_CLINIC)
app.add_typer(simulation, rich_help_panel=_ENGINEERS)
app.command(rich_help_panel=_ENGINEERS)(decode)
app.add_typer(regenerate, name="protocol", rich_help_panel=_ENGINEERS)
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command(rich_help_panel=_CLINIC, context_settings=_PASSED_ON, add_help_option=False)
def backend(context: typer.Context) -> None:
    """Run the reference backend, send commands to dispensers, renew its store after a restore."""
    from sim.backend.cli import main

    raise typer.Exit(main(context.args))
