"""Every fault as a switch: on breaks, off heals."""

from __future__ import annotations

from nicegui import ui

from sim.console.session import Session


class Switchboard:
    """The switches in one browser page."""

    def __init__(self, session: Session) -> None:
        self._session = session
        with ui.element("div").classes("faults"):
            self._buttons = {name: self._button(name) for name in session.switches}

    def _button(self, name: str) -> ui.html:
        button = ui.html(self._session.switches[name].label, sanitize=False, tag="button")
        button.classes("fault").props('type=button aria-pressed="false"')
        button.on("click", lambda: self._session.toggle(name))
        return button

    def refresh(self) -> None:
        """Show which are on."""
        for name, button in self._buttons.items():
            on = str(self._session.switches[name].on).lower()
            if button.props.get("aria-pressed") != on:
                button.props(f'aria-pressed="{on}"')
