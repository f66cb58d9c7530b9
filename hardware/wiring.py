"""The wiring diagram of a board as SVG, drawn by schemdraw from the board's data."""

from __future__ import annotations

import schemdraw
import schemdraw.elements as elm

from hardware.board import Board
from hardware.chip import headers

_HALF = 20  # pins on each side of the header
_PITCH = 1.3  # schemdraw's units between pins
Point = tuple[float, float]


def diagram(board: Board) -> str:
    """Return the wiring diagram as SVG text; the same board gives the same text."""
    schemdraw.use("svg")
    schemdraw.svgconfig.text = "text"
    drawing = schemdraw.Drawing(show=False, fontsize=10, lw=1.2)
    pins = headers()[board.header]
    chip = drawing.add(_chip(board, pins))
    names = {pin: name for name, pin in board.pins().items()}
    for number, what in enumerate(pins, 1):
        at, way = getattr(chip, f"p{number}"), "left" if number <= _HALF else "right"
        if isinstance(what, str):
            _supply(drawing, board, what, at)
        elif what in names:
            _part(drawing, board, names[what], at, way)
    return bytes(drawing.get_imagedata("svg")).decode() + "\n"


def _chip(board: Board, pins: list[int | str]) -> elm.Ic:
    """Pin 1 at the top left, numbers going round as on the board."""
    sides = [
        elm.IcPin(
            name=f"GP{what}" if isinstance(what, int) else what,
            pin=str(number),
            side="left" if number <= _HALF else "right",
            slot=f"{_HALF + 1 - number if number <= _HALF else number - _HALF}/{_HALF}",
            anchorname=f"p{number}",
        )
        for number, what in enumerate(pins, 1)
    ]
    return elm.Ic(
        pins=sides, size=(5, _HALF * _PITCH), pinspacing=_PITCH, edgepadH=1, label=board.name
    )


def _part(drawing: schemdraw.Drawing, board: Board, name: str, at: Point, way: str) -> None:
    if name.startswith("beam"):
        _beam(drawing, board, name, at)
    elif name in board.inputs:
        _switch(drawing, board, name, at)
    else:
        _box(drawing, board, name, at, way)


def _switch(drawing: schemdraw.Drawing, board: Board, name: str, at: Point) -> None:
    drawing.add(elm.Line().at(at).left().length(0.6))
    node = drawing.here
    drawing.add(elm.Resistor().left().length(2.2).label("1 k", fontsize=8))
    kind = elm.SwitchReed() if name == "lid" else elm.Button()
    drawing.add(kind.left().length(2.2))
    drawing.add(elm.Line().left().length(0.3))
    drawing.add(elm.Ground(lead=False).right())
    drawing.add(elm.Label().at((node[0] - 5.7, node[1])).label(_called(board, name), "left"))


def _beam(drawing: schemdraw.Drawing, board: Board, name: str, at: Point) -> None:
    drawing.add(elm.Line().at(at).left().length(2.8))
    drawing.add(elm.Photodiode().left().length(2.2).reverse())
    drawing.add(elm.Line().left().length(0.3))
    drawing.add(elm.Ground(lead=False).right())
    drawing.add(elm.Label().at((at[0] - 5.9, at[1])).label(_called(board, name), "left"))


def _box(drawing: schemdraw.Drawing, board: Board, name: str, at: Point, way: str) -> None:
    drawing.add(elm.Line().at(at).theta(180 if way == "left" else 0).length(2.8))
    x, y = drawing.here
    text, side = _called(board, name), -1 if way == "left" else 1
    drawing.add(elm.Dot(open=True).at((x, y)))
    drawing.add(elm.Label().at((x + 0.3 * side, y)).label(text, way))


def _supply(drawing: schemdraw.Drawing, board: Board, what: str, at: Point) -> None:
    side = 1 if at[0] > 0 else -1
    if what.endswith("GND"):
        drawing.add(elm.Line().at(at).theta(0 if side > 0 else 180).length(0.3))
        drawing.add(elm.Ground(lead=False).right())
    elif what in _SUPPLIES:
        drawing.add(elm.Line().at(at).right().length(2.8))
        drawing.add(elm.Dot(open=True))
        x, y = drawing.here
        text = _SUPPLIES[what].format(cells=board.battery.cells, size=board.battery.size)
        drawing.add(elm.Label().at((x + 0.3, y)).label(text, "right"))


_SUPPLIES = {
    "3V3": "3.3 V to U2, D1",
    "VSYS": "from BT1 ({cells} x {size}) by D5; to LD1, U3",
    "VBUS": "nothing",
}


def _called(board: Board, name: str) -> str:
    references = " ".join(ref for ref, part in board.parts.items() if name in part.at)
    return f"{name}  {references}"
