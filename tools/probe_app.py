"""`dosewire probe`: says what is on the ports."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tools.exits import Exit, ToolError


def probe(
    port: Annotated[list[Path] | None, typer.Option(help="Serial port; may be repeated.")] = None,
    prompt: Annotated[
        bool,
        typer.Option(
            "--prompt", help="Stop the app for a moment: MicroPython, slots, self-test, too."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a port.")] = False,
) -> None:
    """Say what is on the ports, all that look like a board or those given; changes nothing."""
    from tools import port as ports
    from tools import probe as probing
    from tools import uf2

    code = Exit.DONE
    try:
        chosen = ports.chosen(port or [], everyone=True)
    except ToolError as error:
        chosen, code = [], error.exit
        if not (uf2.find_drive() or uf2.waiting()):
            print(f"dosewire probe: {error}", file=sys.stderr)
    if not port and (uf2.find_drive() or uf2.waiting()):
        code = Exit.BOOTSEL if not chosen else code
        print(json.dumps({"state": "bootsel"}) if as_json else f"BOOTSEL: {uf2.HOW}")
    for one in chosen:
        try:
            found = probing.probe(one, prompt=prompt)
        except ToolError as error:
            print(f"dosewire probe: {error}", file=sys.stderr)
            code = code or error.exit
            continue
        print(json.dumps(found) if as_json else _text(found))
    raise typer.Exit(int(code))


def _text(found: dict[str, Any]) -> str:
    lines = [f"{found['port']}: {_SAYS[found['state']]}"]
    lines += [
        f"  {name:<12} {value}"
        for name, value in found.items()
        if name not in ("port", "state") and value is not None
    ]
    return "\n".join(lines)


_SAYS = {
    "app": "a dispenser",
    "prompt": "MicroPython at its prompt; no app runs",
    "silent": "no answer: another program runs there, or no board (--prompt stops it and asks)",
}
