"""`dosewire hardware ...`: can the boards of `hardware/boards/` be built?"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from hardware import board as boards
from hardware import check as rules

app = typer.Typer(help="The boards as data.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Boards as data: pins, parts, currents (hardware/boards/*.toml)."""


@app.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Boards; all, if left.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Refuse a board that could not work, and say what it draws and how long its cells last.

    Looks at: a pin used twice, a function the chip's pin lacks (ADC, I2C pair, PWM slice),
    addresses, currents of every supply, cells and run time. Exit code 1 if anything is wrong.
    """
    told = {name: _look(name) for name in names or boards.names()}
    if as_json:
        print(json.dumps(told, indent=2))
    else:
        for name, one in told.items():
            _print(name, one)
    raise typer.Exit(int(any(one["problems"] for one in told.values())))


def _look(name: str) -> dict[str, Any]:
    try:
        board = boards.load(name)
    except boards.BoardError as error:
        return {"problems": [str(error)]}
    problems = rules.problems(board)
    if problems:
        return {"problems": problems}
    rails = {
        rail: {
            "peak_ma": round(rules.peak_ma(board, rail)),
            "limit_ma": board.rails[rail].limit_ma,
        }
        for rail in board.rails
    }
    cells = {
        "battery_ma": round(rules.battery_ma(board), 1),
        "hours": round(rules.hours_on_battery(board)),
        "hours_needed": board.battery.hours_needed,
    }
    return {"problems": [], "rails": rails, **cells}


def _print(name: str, one: dict[str, Any]) -> None:
    for problem in one["problems"]:
        print(f"{name}: {problem}", file=sys.stderr)
    if one["problems"]:
        return
    print(f"{name}: can be built")
    for rail, draws in one["rails"].items():
        print(f"  {rail}: {draws['peak_ma']} mA at most of {draws['limit_ma']:.0f} mA")
    needed = f"{one['hours_needed']:.0f} h are needed"
    print(f"  cells: {one['battery_ma']} mA, {one['hours']} h unplugged ({needed})")
