"""Makes `firmware/dispenser/pins.py` from a board's data: pins, levels, debounce times, bus."""

from collections.abc import Iterable
from pathlib import Path

from hardware.board import Board, Input
from hardware.chip import chips

TARGET = Path(__file__).parent.parent / "firmware" / "dispenser" / "pins.py"
BOARD = "pico"
COMPARTMENTS = 4
BUTTONS = 5


def generate(board: Board) -> str:
    """Return the text of the firmware's pin map.

    Raises KeyError naming the part if the board lacks one that the dispenser needs.
    """
    beams = [board.inputs[f"beam{n}"] for n in range(1, COMPARTMENTS + 1)]
    buttons = [board.inputs[f"button{n}"] for n in range(BUTTONS)]
    bus = board.i2c
    lines = [
        f"# Generated from hardware/boards/{board.name}.toml by hardware/pinmap.py: do not edit.",
        "from micropython import const",
        "",
        f'BOARD = "{board.name}"',
        "",
        "# registers of the watchdog that outlive a reset",
        f"SCRATCH0 = const({chips()[board.chip].watchdog + 0xC:#x})",
        f"SCRATCH1 = const({chips()[board.chip].watchdog + 0x10:#x})",
        "",
        "# inputs: pin, level when active, pull-up, debounce in ms",
        f"LID = {_input(board.inputs['lid'])}",
        *_inputs("BEAMS", beams),
        *_inputs("BUTTONS", buttons),
        f"SERVICE = {_input(board.inputs['service'])}",
        "",
        *(f"{name.upper()} = const({pin})" for name, pin in board.outputs.items()),
        *(f"{name.upper()} = const({pin})" for name, pin in board.adc.items()),
        *(f"{name.upper()}_DIVIDER = const({n})" for name, n in board.dividers.items()),
        *(f"{name.upper()} = const({pin})" for name, pin in board.internal.items()),
        "",
        *(
            f"I2C_{key.upper()} = const({getattr(bus, key)})"
            for key in ("id", "sda", "scl", "freq")
        ),
        *(f"{name.upper()} = const({address:#x})" for name, address in bus.devices.items()),
    ]
    return "\n".join(lines) + "\n"


def _input(part: Input) -> str:
    return f"({part.pin}, {part.active}, {part.pull_up}, {part.debounce_ms})"


def _inputs(name: str, parts: Iterable[Input]) -> list[str]:
    return [f"{name} = (", *(f"    {_input(part)}," for part in parts), ")"]
