"""Every fault as a switch, by the part it hits: on breaks, off heals."""

from __future__ import annotations

from nicegui import ui

from sim.console.session import Session
from sim.faults import FAULTS, FaultError
from sim.faults.base import Fault, OfDispenser, OfGateway, OfServer
from sim.faults.board import Moved
from sim.world import World

_GROUPS = (("dispenser", OfDispenser), ("gateway", OfGateway), ("broker, backend", OfServer))
_REST = "modem, cell"


class Switchboard:
    """The switches in one browser page; those of a dispenser hit the one that is shown."""

    def __init__(self, session: Session, dispenser: str) -> None:
        self._session = session
        self._dispenser = dispenser
        self._buttons: dict[str, ui.html] = {}
        self._head = ui.html("Break and heal", sanitize=False, tag="h2")
        with ui.element("div").classes("faults") as self._place:
            for title, names in grouped(session.world).items():
                ui.html(title, sanitize=False, tag="h3")
                for name in names:
                    self._buttons[name] = self._button(name)

    def show(self, dispenser: str) -> None:
        """From now on hit this dispenser."""
        self._dispenser = dispenser

    def _target(self, name: str) -> str:
        if issubclass(FAULTS[name], OfDispenser):
            return self._dispenser
        if not issubclass(FAULTS[name], OfGateway):
            return ""
        world = self._session.world
        there = world.dispensers[self._dispenser].gateway
        return there if there in world.gateways else next(iter(world.gateways))

    def _button(self, name: str) -> ui.html:
        text = (FAULTS[name].__doc__ or "").splitlines()[0]
        label = name.replace("_", " ")
        for known in ("gateway ", "cable in "):
            label = label.removeprefix(known)
        button = ui.html(label, sanitize=False, tag="button").classes("fault")
        button.props(f'type=button aria-pressed="false" title="{text}"')
        button.on("click", lambda: self._session.toggle(name, self._target(name)))
        return button

    def refresh(self) -> None:
        """Show which are on, and how many; none can be thrown when the run is over."""
        if not self._session.runs and "inert" not in self._place.props:
            self._place.props("inert").classes("off")
        broken = len(self._session.broken)
        told = f"Break and heal: {broken} broken" if broken else "Break and heal"
        if told != self._head.content:
            self._head.set_content(told)
        for name, button in self._buttons.items():
            on = str((name, self._target(name)) in self._session.broken).lower()
            if button.props.get("aria-pressed") != on:
                button.props(f'aria-pressed="{on}"')


def grouped(world: World) -> dict[str, list[str]]:
    """Return the faults that can be in a world by the part they hit; no empty group."""
    found: dict[str, list[str]] = {}
    for name, fault in FAULTS.items():
        if _can_be(fault, world):
            title = next((title for title, kind in _GROUPS if issubclass(fault, kind)), _REST)
            found.setdefault(title, []).append(name)
    return found


def _can_be(fault: type[Fault], world: World) -> bool:
    if fault is Moved and len(world.gateways) == 1:
        return False
    try:
        fault(fault().first(world)).check(world)
    except FaultError:
        return False
    return True
