"""Draws the pictures of the patient's page: one a light or sound, from the firmware's table."""

import runpy
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "patient"
_TABLE = ROOT / "firmware" / "dispenser" / "patterns.py"
_WIDTH, _HEIGHT = 640, 120
_LEFT, _RIGHT, _BASE = 210, 620, 70
_INK, _OFF, _PAPER = "#222222", "#d9d9d9", "#ffffff"
_LIGHT_X = (24, 48, 72, 96, 24, 48, 72, 150)
_LIGHT_Y = (34, 34, 34, 34, 78, 78, 78, 56)


def load() -> dict[str, Any]:
    """Return the names of the table: PATTERNS, LIGHTS and the places."""
    return runpy.run_path(str(_TABLE))


def draw(name: str, pattern: Sequence[Any]) -> str:
    """Return one pattern as SVG: where it is on the left, its rhythm or its tones on the right.

    `pattern` as in the firmware's table: places, rhythm in ms, times, colour, notes.
    """
    places, rhythm, times, colour, notes = pattern
    parts = [*_panel(places, _hex(colour)), *_rhythm(rhythm, times, _hex(colour)), *_notes(notes)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" role="img" font-family="sans-serif" font-size="12">'
    )
    paper = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="{_PAPER}"/>'
    return "\n".join([head, f"<title>{name}</title>", paper, *parts, "</svg>"]) + "\n"


def _hex(colour: Sequence[int]) -> str:
    # brightest channel full: lights are dim to the eye's measure, print is not
    top = max(colour) or 1
    shown = [value * 255 // top for value in colour]
    return "#999999" if min(shown) == 255 else "#{:02x}{:02x}{:02x}".format(*shown)


def _panel(places: Sequence[int], colour: str) -> Iterator[str]:
    yield f'<rect x="6" y="10" width="174" height="94" rx="8" fill="none" stroke="{_INK}"/>'
    for light, (x, y) in enumerate(zip(_LIGHT_X, _LIGHT_Y, strict=True)):
        fill = colour if light in places else _OFF
        yield f'<circle cx="{x}" cy="{y}" r="8" fill="{fill}" stroke="{_INK}"/>'


def _rhythm(rhythm: Sequence[int], times: int, colour: str) -> Iterator[str]:
    if not rhythm:
        return
    span = max(10_000, sum(rhythm))
    for at, length in _lit(rhythm, times, span):
        x, width = _x(at, span), max(_x(at + length, span) - _x(at, span), 1)
        yield (
            f'<rect x="{x}" y="{_BASE - 40}" width="{width}" height="40" fill="{colour}" '
            f'stroke="{_INK}" stroke-width="0.5"/>'
        )
    yield f'<line x1="{_LEFT}" y1="{_BASE}" x2="{_RIGHT}" y2="{_BASE}" stroke="{_INK}"/>'
    yield from _scale(span)


def _lit(rhythm: Sequence[int], times: int, span: int) -> Iterator[tuple[int, int]]:
    at, turn = 0, 0
    while at < span and (not times or turn < times):
        for n, length in enumerate(rhythm):
            if n % 2 == 0 and at < span:
                yield at, min(length, span - at)
            at += length
        turn += 1


def _x(ms: int, span: int) -> int:
    return _LEFT + ms * (_RIGHT - _LEFT) // span


def _scale(span: int) -> Iterator[str]:
    for second in range(0, span // 1000 + 1, 2):
        x = _x(second * 1000, span)
        place = f'x="{x}" y="{_BASE + 18}" text-anchor="middle" fill="{_INK}"'
        yield f"<text {place}>{second} s</text>"


def _notes(notes: Sequence[Sequence[int]]) -> Iterator[str]:
    x = _LEFT
    for hz, ms in notes:
        width = ms // 8
        if hz:
            y = 114 - (hz - 500) // 40
            yield f'<rect x="{x}" y="{y}" width="{width}" height="5" fill="{_INK}"/>'
            yield f'<text x="{x + width + 3}" y="{y + 6}" fill="{_INK}">♪</text>'
        x += width + 12


def pictures() -> dict[str, str]:
    """Return file name and text of every picture."""
    patterns: dict[str, Sequence[Any]] = load()["PATTERNS"]
    return {f"{name}.svg": draw(name, pattern) for name, pattern in patterns.items()}


def main(arguments: Iterable[str]) -> int:
    """Write the pictures; with `--check` only tell whether they are current."""
    wanted = pictures()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.svg")}
    if "--check" in arguments:
        stale = sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))
        if stale:
            print(f"stale pictures: {', '.join(stale)}; run `make generate`", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in {*there} - {*wanted}:
        (FOLDER / name).unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
