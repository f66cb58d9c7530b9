"""All dispensers at a glance: a tile each, told in words, reached with the arrow keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape

from nicegui import ui

from sim.console.lanes import clock, words
from sim.dispenser import Dispenser
from sim.inflight import Hop, InFlight
from sim.view import Way, Ways
from sim.world import World

_ARROWS = """(e) => {
  const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[e.key];
  if (!step) return;
  const tiles = [...e.currentTarget.children], down = /Down|Up/.test(e.key);
  const row = tiles.filter(one => one.offsetTop === tiles[0].offsetTop).length;
  const at = tiles.indexOf(document.activeElement) + step * (down ? row : 1);
  if (tiles[at]) { tiles[at].focus(); e.preventDefault(); }
}"""
_NONE = Hop(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Tile:
    """How one dispenser is: `look` is good, behind, off or broken; `at`: when `last` was made."""

    name: str
    look: str
    state: str
    last: str
    at: str
    faults: tuple[str, ...]

    @property
    def told(self) -> str:
        """All of it in one line."""
        broken = f"; broken: {', '.join(self.faults)}" if self.faults else ""
        last = f"{self.last} {self.at}".strip()
        return f"dispenser {self.name}: {self.state}; last {last}{broken}"


def tile(dispenser: Dispenser, hop: Hop, last: Way | None, faults: tuple[str, ...]) -> Tile:
    """Judge one dispenser by its board, how far its records have come, and what is broken."""
    look, state = _state(dispenser.board.state, dispenser.board.plugged, hop)
    event, at = (words(last.what), clock(last.t)[:5]) if last else ("nothing yet", "")
    for known in ("response ", "dose "):
        event = event.replace(f"{known}button ", known).replace(f"{known}compartment ", known)
    return Tile(dispenser.name, "broken" if faults else look, state, event, at, faults)


def _state(power: str, plugged: bool, hop: Hop) -> tuple[str, str]:
    behind = hop.spool - hop.watermark
    if power == "off":
        return "off", "no power"
    if not plugged:
        return "off", "unplugged"
    if hop.spool == 0:
        return "off", "not read yet"
    return ("behind", f"{behind} behind") if behind > 0 else ("good", "delivered")


class Fleet:
    """Looked at now and then for all browser pages together: `tiles` is the last look."""

    def __init__(self, world: World, ways: Ways, broken: Mapping[tuple[str, str], object]) -> None:
        """`broken`: name and target of each fault that is on."""
        self.tiles: list[Tile] = []
        self._world = world
        self._ways = ways
        self._broken = broken
        self._flight = InFlight(world.folder)

    def look(self) -> None:
        """Look at all of them."""
        hops = self._flight.all()
        self.tiles = [
            tile(one, hops.get((one.id, one.epoch), _NONE), self._ways.last.get(name),
                 self._faults(name))
            for name, one in self._world.dispensers.items()
        ]  # fmt: skip

    def _faults(self, dispenser: str) -> tuple[str, ...]:
        return tuple(name.replace("_", " ") for name, whose in self._broken if whose == dispenser)


class FleetView:
    """The tiles in one browser page; a click or Enter shows a dispenser, arrows go round."""

    def __init__(self, fleet: Fleet, names: list[str], show: Callable[[str], None]) -> None:
        self._fleet = fleet
        self._shown: list[Tile] = []
        self._chosen = ""
        self._head = ui.html("", sanitize=False).classes("sum").props('role="status"')
        with ui.element("div").classes("fleet") as place:
            self._tiles = {name: self._tile(name, show) for name in names}
        place.props('role="group" aria-label="all dispensers"')
        place.on("keydown", js_handler=_ARROWS)

    def _tile(self, name: str, show: Callable[[str], None]) -> ui.html:
        made = ui.html(escape(name), sanitize=False, tag="button").classes("tile")
        made.props("type=button aria-pressed=false tabindex=-1")
        made.on("click", lambda: show(name))
        return made

    def choose(self, name: str) -> None:
        """Mark the one that is shown beside; Tab comes to it."""
        if self._chosen:
            self._tiles[self._chosen].props("aria-pressed=false tabindex=-1")
        self._chosen = name
        self._tiles[name].props("aria-pressed=true tabindex=0")

    def refresh(self) -> None:
        """Show the last look, where it is another."""
        tiles = self._fleet.tiles
        if tiles == self._shown:
            return
        before = {one.name: one for one in self._shown}
        self._shown = tiles
        self._head.set_content(summed(tiles))
        for one in tiles:
            if one != before.get(one.name):
                self._draw(one)

    def _draw(self, one: Tile) -> None:
        made = self._tiles[one.name]
        made.set_content(html(one))
        made.classes(replace=f"tile {one.look}")
        made.props(f'aria-label="{escape(one.told)}" title="{escape(one.told)}"')


def html(one: Tile) -> str:
    """Return what a tile shows: name and state, and below what is broken or the last record."""
    state = f"✓ {one.at}" if one.look == "good" else one.state
    head = f"<b>{escape(one.name)}</b> <i>{escape(state)}</i>"
    below = ", ".join(one.faults) or one.last
    return f"<span>{head}</span><span>{escape(below)}</span>"


def summed(tiles: list[Tile]) -> str:
    """Return how many are how, in words."""
    names = {"good": "delivered", "behind": "behind", "off": "away", "broken": "broken"}
    counts = {text: sum(one.look == look for one in tiles) for look, text in names.items()}
    told = ", ".join(f"{count} {text}" for text, count in counts.items() if count)
    return f"{len(tiles)} dispensers: {told}"
