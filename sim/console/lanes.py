"""The way of each record through journal, spool, broker, store and watermark, newest first."""

from __future__ import annotations

import time
from html import escape

from nicegui import ui

from sim.view import STAGES, Way, Ways

_EMPTY = '<p class="empty">Open the lid: each record that comes of it appears here.</p>'
_HEADS = ("", "seq", "record", "at", *STAGES)


class Lanes:
    """The table of ways in one browser page."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._html = ui.html(_EMPTY, sanitize=False).classes("fill")
        self._html.props('role="region" aria-label="the way of each record" tabindex=0')

    def show(self, visible: bool) -> None:
        """Show it or not."""
        self._html.set_visibility(visible)

    def refresh(self) -> None:
        """Show the ways as they are now."""
        text = table(list(self._ways.recent))
        if text != self._html.content:
            self._html.set_content(text)


def table(ways: list[Way]) -> str:
    """Return the newest ways as HTML; a stage not reached yet is a dot."""
    if not ways:
        return _EMPTY
    heads = "".join(f'<span class="h" role="columnheader">{head}</span>' for head in _HEADS)
    rows = "".join(_row(way) for way in reversed(ways))
    return f'<div class="ways" role="table">{_across(heads)}{rows}</div>'


def _across(cells: str) -> str:
    return f'<span role="row" style="display: contents">{cells}</span>'


def _row(way: Way) -> str:
    told = [(way.dispenser, ""), (str(way.seq), "n"), (words(way.what), ""), (clock(way.t), "")]
    cells = [
        f'<span role="cell" class="{look}" title="{escape(text)}">{escape(text)}</span>'
        for text, look in told
    ]
    cells += [_stage(way, stage) for stage in STAGES]
    return _across("".join(cells))


def _stage(way: Way, stage: str) -> str:
    here = way.at.get(stage)
    known = [way.at[one] for one in STAGES[STAGES.index(stage) :] if one in way.at]
    if not known:
        return '<span role="cell" class="waits" aria-label="not yet"></span>'
    # what came later could not be without it: then it was there, whenever that was noticed
    first = min(known)
    told = after(first - way.t) if way.t else "there"
    look = "there" if first == here or told == "there" else "there before"
    return f'<span role="cell" class="{look}">{told}</span>'


def after(ns: int) -> str:
    """Return how long after the stimulus: ms, or with its unit; before it only: there."""
    ms = ns / 1e6
    if ms < 0:
        return "there"
    if ms < 1000:
        return f"{ms:.0f}"
    units = (("s", 1000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000))
    name, size = next((u for u in reversed(units) if ms >= 2 * u[1]), units[0])
    return f"{ms / size:.1f} {name}" if ms < 10 * size else f"{ms / size:.0f} {name}"


def words(what: str) -> str:
    """Return a record's name as people write it; a mask of compartments as their numbers."""
    text = what.replace("_", " ").lower()
    head, found, mask = text.rpartition(" compartments ")
    if found and mask.isdecimal():
        reached = [str(n + 1) for n in range(8) if int(mask) >> n & 1]
        return f"{head}, {' '.join(reached) or 'none'} reached"
    return text.replace("end compartment", "end,")


def clock(t: int) -> str:
    """Return a time of day; empty while the record's time is not known."""
    return time.strftime("%H:%M:%S", time.localtime(t // 10**9)) if t else ""
