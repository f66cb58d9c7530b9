"""Pictures of a glance as SVG and HTML text. Colour never stands alone: each mark has a shape.

What a picture shows is also said in words, for those who listen to it.
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from html import escape

from sim.backend.evidence.calendar import Mark
from sim.backend.pages.glance import Glance, Need, Square, Symptom, short

WORDS = ("none", "mild", "moderate", "severe", "very severe")
"""What the buttons say: a verbal rating scale (docs/patient.md)."""
NEEDS = {
    Need.PATIENT: "Look at the patient",
    Need.DISPENSER: "Look at the dispenser",
    Need.DECIDE: "A person has to decide",
    Need.QUIET: "Nothing open",
}
_CLASSES = {
    Mark.REACHED: "reached",
    Mark.PARTLY: "partly",
    Mark.MISSED: "missed",
    Mark.SILENT: "silent",
    Mark.AWAY: "away",
    Mark.NOT_DUE: "idle",
}
LEGEND: dict[Mark | None, str] = {
    Mark.REACHED: "all reached",
    Mark.PARTLY: "some reached",
    Mark.MISSED: "none reached",
    Mark.SILENT: "not known",
    Mark.AWAY: "away",
    Mark.NOT_DUE: "nothing due",
    None: "not over, or not observed",
}


def mark(kind: Mark | None, size: float = 24, accesses: int = 0) -> str:
    """Return one date's mark as SVG shapes around 0,0; None: not over yet, or not observed."""
    r = size / 2
    if kind is None:
        return f'<circle class="reached" r="{r * 0.62:.1f}"/>' if accesses else _ring(r)
    name, s = _CLASSES[kind], r * 0.42
    match kind:
        case Mark.REACHED:
            tick = f"M{-s:.1f} 0 L{-s * 0.25:.1f} {s * 0.75:.1f} L{s:.1f} {-s * 0.75:.1f}"
            return f'<circle class="{name}" r="{r:.1f}"/><path class="tick" d="{tick}"/>'
        case Mark.PARTLY:
            half = f"M0 {-r:.1f} A{r:.1f} {r:.1f} 0 0 0 0 {r:.1f} Z"
            return (
                f'<circle class="{name} hollow" r="{r - 1:.1f}"/><path class="{name}" d="{half}"/>'
            )
        case Mark.MISSED:
            cross = f"M{-s:.1f} {-s:.1f} L{s:.1f} {s:.1f} M{-s:.1f} {s:.1f} L{s:.1f} {-s:.1f}"
            box = f'x="{1 - r:.1f}" y="{1 - r:.1f}" width="{size - 2:.1f}" height="{size - 2:.1f}"'
            return f'<rect class="{name}" {box} rx="3"/><path class="cross" d="{cross}"/>'
        case Mark.SILENT:
            look = f'y="{r * 0.44:.1f}" style="font-size:{size * 0.62:.1f}px"'
            text = f'<text class="ask" {look}>?</text>'
            return f'<circle class="{name}" r="{r - 1:.1f}"/>{text if size > 12 else ""}'
        case Mark.AWAY:
            return f'<path class="{name}" d="M{-r * 0.7:.1f} 0 H{r * 0.7:.1f}"/>'
    return f'<circle class="{name}" r="{max(1.5, r * 0.2):.1f}"/>'


def _ring(r: float) -> str:
    return f'<circle class="open" r="{r * 0.3:.1f}"/>'


def calendar(squares: Sequence[Square], today: dt.date) -> str:
    """Return thirty dates as weeks, Monday to Sunday."""
    cell, top, left = 58, 24, 4
    first = squares[0].date
    monday = first - dt.timedelta(days=first.weekday())
    weeks = (squares[-1].date - monday).days // 7 + 1
    parts = [
        f'<text class="week" x="{left + cell * n + cell / 2}" y="14">{name}</text>'
        for n, name in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
    ]
    for square in squares:
        column, row = square.date.weekday(), (square.date - monday).days // 7
        x, y = left + cell * column + cell / 2, top + cell * row + 36
        day = (
            f"{square.date:%-d %b}"
            if square.date.day == 1 or square is squares[0]
            else (f"{square.date.day}")
        )
        now = " now" if square.date == today else ""
        parts.append(
            f"<g><title>{escape(_told(square))}</title>"
            f'<text class="day{now}" x="{x}" y="{y - 20}">{day}</text>'
            f'<g transform="translate({x} {y})">{mark(square.mark, 25, square.accesses)}</g>'
            f"{_extra(square, x, y)}</g>"
        )
    label = escape(_summary(squares))
    return (
        f'<svg class="calendar" role="img" aria-label="{label}" '
        f'viewBox="0 0 {left * 2 + cell * 7} {top + cell * weeks + 4}">{"".join(parts)}</svg>'
    )


def _extra(square: Square, x: float, y: float) -> str:
    if not square.excess:
        return ""
    return f'<text class="excess" x="{x + 15}" y="{y - 5}">+{square.excess}</text>'


def _told(square: Square) -> str:
    words = LEGEND[square.mark]
    cause = f": {short(square.cause)}" if square.cause else ""
    excess = f", {square.excess} more than expected" if square.excess else ""
    return f"{square.date}: {words}{cause}, {square.accesses} accesses{excess}"


def _summary(squares: Sequence[Square]) -> str:
    counts = Counter(square.mark for square in squares if square.mark)
    told = ", ".join(f"{LEGEND[kind]} {counts[kind]}" for kind in Mark if counts[kind])
    return f"Access on {len(squares)} days: {told or 'none observed yet'}"


def strip(squares: Sequence[Square]) -> str:
    """Return thirty dates as one row of small marks."""
    step = 11
    parts = [
        f'<g transform="translate({step * n + 6} 8)">{mark(square.mark, 9, square.accesses)}</g>'
        for n, square in enumerate(squares)
    ]
    return (
        f'<svg class="strip" role="img" aria-label="{escape(_summary(squares))}" '
        f'viewBox="0 0 {step * len(squares)} 16">{"".join(parts)}</svg>'
    )


def trend(squares: Sequence[Square], symptoms: Sequence[Symptom]) -> str:
    """Return answers of thirty dates above the accesses of the same dates."""
    step, left, right, level, top = 19.5, 84, 20, 42, 12
    width = left + step * len(squares) + right
    base = top + level * 4
    at = {square.date: left + step * (n + 0.5) for n, square in enumerate(squares)}
    parts = [
        f'<path class="grid" d="M{left} {base - level * n} H{width - right}"/>'
        f'<text class="scale" x="{left - 10}" y="{base - level * n + 4}">{word}</text>'
        for n, word in enumerate(WORDS)
    ]
    shown = [symptom for symptom in symptoms if symptom.date in at]
    asked = [(at[s.date], base - level * s.worst) for s in shown if s.prompted]
    if len(asked) > 1:
        line = " L".join(f"{x:.1f} {y}" for x, y in asked)
        parts.append(f'<path class="line" d="M{line}"/>')
    for symptom in shown:
        kind = "answer" if symptom.prompted else "answer unasked"
        told = (
            f"{symptom.date}: {WORDS[symptom.worst]}{'' if symptom.prompted else ', unprompted'}"
        )
        y = base - level * symptom.worst
        spot = f'<circle class="{kind}" cx="{at[symptom.date]:.1f}" cy="{y}" r="5"/>'
        parts.append(f"<g><title>{told}</title>{spot}</g>")
    parts.append(f'<text class="scale" x="{left - 10}" y="{base + 34}">access</text>')
    for n, square in enumerate(squares):
        x = left + step * (n + 0.5)
        body = mark(square.mark, 14, square.accesses)
        parts.append(f'<g transform="translate({x:.1f} {base + 30})">{body}</g>')
        if n % 7 == len(squares) % 7 - 1 or n == len(squares) - 1:
            parts.append(f'<text class="date" x="{x:.1f}" y="{base + 56}">{_short(square)}</text>')
    said = "; ".join(f"{s.date} {WORDS[s.worst]}" for s in shown) or "no answer"
    return (
        f'<svg class="trend" role="img" aria-label="Answers: {escape(said)}" '
        f'viewBox="0 0 {width} {base + 62}">{"".join(parts)}</svg>'
    )


def _short(square: Square) -> str:
    return f"{square.date:%-d %b}"


def badge(need: Need, size: float = 16) -> str:
    """Return the sign of a need: a shape of its own each."""
    r = size / 2
    shapes = {
        Need.PATIENT: f'<path class="p" d="M0 {-r} L{r} {r * 0.8:.1f} H{-r} Z"/>',
        Need.DISPENSER: f'<rect class="d" x="{-r * 0.8:.1f}" y="{-r * 0.8:.1f}" '
        f'width="{size * 0.8:.1f}" height="{size * 0.8:.1f}" rx="2"/>',
        Need.DECIDE: f'<path class="c" d="M0 {-r} L{r} 0 L0 {r} L{-r} 0 Z"/>',
        Need.QUIET: f'<circle class="q" r="{r * 0.45:.1f}"/>',
    }
    return (
        f'<svg class="badge" aria-hidden="true" width="{size}" height="{size}" '
        f'viewBox="{-r} {-r} {size} {size}">{shapes[need]}</svg>'
    )


def field(glances: Sequence[Glance], width: int = 1200, height: int = 96) -> str:
    """Return all patients of a site, one sign each, most urgent first, as one picture."""
    count = max(1, len(glances))
    step = 24
    while step > 5 and (width // step) * (height // step) < count:
        step -= 1
    columns = width // step
    parts = [
        f'<g transform="translate({step * (n % columns) + step / 2} '
        f'{step * (n // columns) + step / 2})">{_sign(each.need, step * 0.66)}</g>'
        for n, each in enumerate(glances)
    ]
    rows = (count - 1) // columns + 1
    return (
        f'<svg class="field" aria-hidden="true" viewBox="0 0 {width} {rows * step}" '
        f'style="max-height:{height}px">{"".join(parts)}</svg>'
    )


def _sign(need: Need, size: float) -> str:
    text = badge(need, size)
    return text[text.index(">") + 1 : -len("</svg>")]
