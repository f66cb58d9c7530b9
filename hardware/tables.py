"""The bill of materials (CSV) and the pin table (Markdown) of a board."""

from __future__ import annotations

import csv
import io

from hardware.board import Board
from hardware.chip import headers

_COLUMNS = ("reference", "quantity", "part", "model", "substitutes", "connected to", "note")


def bill(board: Board) -> str:
    """Bill of materials as CSV (RFC 4180 with line feeds), one line a kind of part."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for reference, part in board.parts.items():
        substitutes, at = "; ".join(part.substitutes), " ".join(part.at)
        writer.writerow((reference, part.count, part.what, part.model, substitutes, at, part.note))
    return out.getvalue()


def pins(board: Board) -> str:
    """Pin table as Markdown: every pin of the header, then those on the board itself."""
    named: dict[int | str, str] = {pin: name for name, pin in board.pins().items()}
    rows = [
        f"# Pins of {board.name}",
        "",
        f"Made from `hardware/boards/{board.name}.toml` by `make generate`: do not edit.",
        "",
        "| pin | GPIO | used for | when active | pull-up | debounce | part |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, what in enumerate(headers()[board.header], 1):
        gpio = f"GP{what}" if isinstance(what, int) else what
        rows.append(f"| {number} | {gpio} | {_use(board, named.get(what, ''))} |")
    for name, pin in board.internal.items():
        rows.append(f"| inside | GP{pin} | {_use(board, name)} |")
    used = len(board.pins()) - len(board.internal)
    free = sum(isinstance(what, int) for what in headers()[board.header]) - used
    wires = [f"| {ref} | {one.wire} |" for ref, one in board.parts.items() if one.wire]
    rows += ["", f"{used} pins used, {free} free.", "", "## Wires", "", "| part | wires |"]
    return "\n".join([*rows, "|---|---|", *wires]) + "\n"


def _use(board: Board, name: str) -> str:
    part = board.inputs.get(name)
    references = " ".join(ref for ref, one in board.parts.items() if name and name in one.at)
    if part is None:
        return f"{name} | | | | {references}"
    pull = "yes" if part.pull_up else "no"
    level = "high" if part.active else "low"
    return f"{name} | {level} | {pull} | {part.debounce_ms} ms | {references}"
