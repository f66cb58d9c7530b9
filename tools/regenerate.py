"""`dosewire protocol`: makes anew what is generated from the schema."""

from collections.abc import Callable, Iterable
from typing import Annotated

import typer

from protocol import asyncapi, codegen, docs, vectors

app = typer.Typer(
    help="Make anew what is generated from protocol/schema (in a checkout of the project).",
    no_args_is_help=True,
)
Check = Annotated[bool, typer.Option("--check", help="Only tell whether it is current.")]


def _run(mains: Iterable[Callable[[Iterable[str]], int]], check: bool) -> None:
    arguments = ["--check"] if check else []
    failed = [main(arguments) for main in mains]  # all of them, so that each is named
    if any(failed):
        raise typer.Exit(1)


@app.command()
def wire(check: Check = False) -> None:
    """The dispenser's codec, firmware/dispenser/wire.py and codes.py."""
    _run([codegen.main], check)


@app.command("vectors")
def golden_vectors(check: Check = False) -> None:
    """The golden bytes in tests/vectors/."""
    _run([vectors.main], check)


@app.command("docs")
def pages(check: Check = False) -> None:
    """docs/protocol.md and docs/asyncapi.json."""
    _run([docs.main, asyncapi.main], check)
