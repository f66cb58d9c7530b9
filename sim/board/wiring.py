"""How the board's parts are connected, as messages for the interpreter's side."""

from __future__ import annotations

from hardware.board import Board
from sim.board import control

CHIPS = {"ds3231": control.CHIP_DS3231, "at24c32": control.CHIP_AT24C32}


def wiring(board: Board) -> list[bytes]:
    """Inputs with their active level and light source, the I2C bus, and the chips on it."""
    messages = []
    for part in board.inputs.values():
        source = board.outputs[part.lit_by] + 1 if part.lit_by else 0
        messages.append(control.pack(control.WIRE, part.pin, part.active | source << 8))
    for pin in board.internal.values():
        messages.append(control.pack(control.WIRE, pin, 1))
    bus = board.i2c
    messages.append(control.pack(control.BUS, bus.id, bus.sda | bus.scl << 8))
    for name, address in bus.devices.items():
        messages.append(control.pack(control.CHIP, address, CHIPS[name]))
    return messages
