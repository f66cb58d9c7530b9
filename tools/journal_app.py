"""`dosewire journal`: read a dispenser's records, save, verify and show them."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from protocol import schema, wire
from sim.backend.registry import RegistryError
from tools.dissect import moment
from tools.exits import Exit, ToolError
from tools.journal import Held, Journal, broken, from_image, load, save, verify
from tools.journal import read as read_port

app = typer.Typer(no_args_is_help=True, help="A dispenser's own records: read, verify, show.")
RegistryPath = Annotated[
    Path | None, typer.Option(help="Verify every tag with the secret in this registry.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a record.")]
Timeline = Annotated[bool, typer.Option(help="What happened, boot by boot, without housekeeping.")]


@app.command()
def read(
    port: Annotated[Path | None, typer.Option(help="Serial port of the dispenser.")] = None,
    image: Annotated[Path | None, typer.Option(help="Or an image of its flash.")] = None,
    out: Annotated[Path | None, typer.Option(help="Save it there, as JSON Lines.")] = None,
    registry: RegistryPath = None,
    timeline: Timeline = False,
    as_json: AsJson = False,
) -> None:
    """Read all records that a dispenser holds; nothing on it changes."""
    try:
        if (port is None) == (image is None):
            raise ToolError("either --port or --image is needed", Exit.USAGE)
        journal = from_image(image) if image else _with_bar(port or Path())
        if out:
            save(journal, out)
    except ToolError as error:
        _fail(error, error.exit)
    except OSError as error:
        _fail(error, Exit.USAGE)
    except KeyboardInterrupt:
        _fail(RuntimeError("interrupted; nothing was saved"), Exit.INTERRUPTED)
    _finish(journal, registry, timeline=timeline, as_json=as_json, quiet=out is not None)


@app.command("verify")
def verify_file(
    path: Annotated[Path, typer.Argument(help="Journal saved by `dosewire journal read`.")],
    registry: Annotated[Path, typer.Option(help="Registry with the dispenser's secret.")],
    timeline: Timeline = False,
    as_json: AsJson = False,
) -> None:
    """Check a saved journal: every tag, every seq, every gap told."""
    try:
        journal = load(path)
    except ToolError as error:
        _fail(error, error.exit)
    _finish(journal, registry, timeline=timeline, as_json=as_json, quiet=not as_json)


def _with_bar(port: Path) -> Journal:
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(str(port), total=None)
        return read_port(port, lambda done, total: bar.update(task, completed=done, total=total))


def _finish(
    journal: Journal, registry: Path | None, *, timeline: bool, as_json: bool, quiet: bool
) -> None:
    from tools.vault import Vault

    try:
        if registry:
            journal = verify(journal, Vault(registry).load())
    except ToolError as error:
        _fail(error, error.exit)
    except RegistryError as error:
        _fail(error, Exit.USAGE)
    if as_json:
        for held in journal.held:
            print(json.dumps(_told(held)))
    elif timeline:
        print("\n".join(_timeline(journal)))
    elif not quiet:
        Console().print(_table(journal))
    _conclude(journal, verified=registry is not None)


def _conclude(journal: Journal, *, verified: bool) -> NoReturn:
    bad, untold = broken(journal), journal.untold()
    count = len(journal.held)
    span = f"seq {journal.held[0].record.seq} to {journal.held[-1].record.seq}" if count else ""
    says = "every tag verifies" if verified else "tags not checked (--registry)"
    if bad:
        says = f"{len(bad)} DO NOT VERIFY, the first is seq {bad[0]}"
    if untold:
        says += f"; MISSING without a GAP: {', '.join(f'{a}-{b}' for a, b in untold[:3])}"
    name = journal.dispenser or "no id"
    print(
        f"{journal.source}: {name}, epoch {journal.epoch}: {count} records {span}; {says}",
        file=sys.stderr,
    )
    raise typer.Exit(int(Exit.DAMAGED if bad or untold else Exit.DONE))


def _when(held: Held) -> str:
    record = held.record
    text = moment(record.time, record.ms, record.quality)
    return text or f"boot +{record.time} s"


def _words(held: Held) -> str:
    try:
        data = wire.parse_data(held.record)
    except wire.WireError:
        return held.record.data.hex()
    if data is None:
        return held.record.data.hex()
    return ", ".join(f"{name} {_plain(value)}" for name, value in vars(data).items())


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return str(getattr(value, "name", value))


def _kind(held: Held) -> str:
    known = {int(kind): kind.name for kind in list(schema.RecordType)}
    return known.get(int(held.record.type), f"type {int(held.record.type)}")


def _told(held: Held) -> dict[str, object]:
    record = held.record
    return {
        "seq": record.seq, "boot": record.boot, "at": _when(held), "type": _kind(held),
        "mode": record.mode.name, "quality": record.quality.name,
        "data": _words(held), "verified": held.verified, "raw": held.raw.hex(),
    }  # fmt: skip


def _table(journal: Journal) -> Table:
    table = Table(box=None)
    for column in ("seq", "boot", "at", "type", "data", "tag"):
        table.add_column(column)
    marks = {True: "good", False: "BAD", None: "-"}
    for held in journal.held:
        record = held.record
        cells = (record.seq, record.boot, _when(held), _kind(held), _words(held))
        table.add_row(*(Text(str(cell)) for cell in cells), marks[held.verified])
    return table


def _timeline(journal: Journal) -> Iterator[str]:
    boot = None
    for held in journal.held:
        if held.record.boot != boot:
            boot = held.record.boot
            yield f"-- boot {boot}"
        if int(held.record.type) >= 0x20:
            bad = "  DOES NOT VERIFY" if held.verified is False else ""
            yield f"{_when(held):<24} {_kind(held)}: {_words(held)}{bad}"


def _fail(error: Exception, code: Exit) -> NoReturn:
    print(f"dosewire journal: {error}", file=sys.stderr)
    raise typer.Exit(int(code)) from error
