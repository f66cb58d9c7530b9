"""The front plate as SVG, to print at 100 %: buttons, questions, compartments, in millimetres.

Sizes: buttons of at least 15 mm, type of at least 16 pt (5.6 mm), raised dots at the ends of the
scale so that 0 and 4 are found by touch.
"""

from __future__ import annotations

from html import escape

WIDTH, HEIGHT = 210, 148  # A5 across, ISO 216
BUTTON_MM = 24
TYPE_MM = 5.7  # 16 pt = 5.64 mm
DOT_MM = 3
SCALE = ("None", "Mild", "Moderate", "Severe", "Very severe")
TACTILE = (0, 4)
QUESTIONS = 3
COMPARTMENTS = 4
_GAP = 38


def plate() -> str:
    """Return the front plate; lights and buttons lie where the firmware's panel names them."""
    shapes = [_rect(1, 1, WIDTH - 2, HEIGHT - 2, 6)]
    for number in range(COMPARTMENTS):
        x = 28 + number * 44
        shapes += [_circle(x + 11, 16, 2.5), _rect(x - 8, 22, 38, 22, 3)]
        shapes.append(_text(x + 11, 36, str(number + 1)))
    for number in range(QUESTIONS):
        y = 58 + number * 11
        shapes += [_circle(16, y, 2.5), _text(24, y + 2, f"Question {number + 1}:", "start")]
        shapes.append(f'<path d="M62 {y + 3}H196" stroke="#999" stroke-width=".3"/>')
    for number, word in enumerate(SCALE):
        shapes += _button(29 + number * _GAP, 108, number, word)
    shapes += [_circle(196, 139, 2.5), _text(190, 141, "Status", "end")]
    shapes.append(_text(14, 141, "Not an emergency device", "start"))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}mm" height="{HEIGHT}mm" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="{TYPE_MM}">'
    )
    return "\n".join([head, *shapes, "</svg>"]) + "\n"


def _button(x: float, y: float, number: int, word: str) -> list[str]:
    drawn = [_circle(x, y, BUTTON_MM / 2), _text(x, y + 2, str(number))]
    if number in TACTILE:
        drawn.append(f'<circle class="raised" cx="{x}" cy="{y - 15.5}" r="{DOT_MM / 2}"/>')
    first, _, second = word.partition(" ")
    drawn.append(_text(x, y + 18, first))
    return [*drawn, _text(x, y + 24, second)] if second else drawn


def _circle(x: float, y: float, radius: float) -> str:
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="none" stroke="#000" stroke-width=".4"/>'


def _rect(x: float, y: float, width: float, height: float, radius: float) -> str:
    size = f'x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}"'
    return f'<rect {size} fill="none" stroke="#000" stroke-width=".4"/>'


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
