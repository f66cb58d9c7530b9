"""Three steps for who sees it for the first time; each is ticked when it has been done."""

from __future__ import annotations

from nicegui import ui

from sim.console.session import Session

_STEPS = (
    "Open the lid, take from a compartment, press how you feel.",
    "Watch each record go from the journal to the clinic's store.",
    "Break something, go on, heal it: nothing is lost.",
)


class Guide:
    """The steps in one browser page."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._done: tuple[bool, ...] = ()
        ui.html("Three steps", sanitize=False, tag="h2")
        with ui.element("ol"):
            self._items = [ui.html(step, sanitize=False, tag="li") for step in _STEPS]

    def refresh(self) -> None:
        """Tick what has been done."""
        done = self._session.done
        if done == self._done:
            return
        self._done = done
        for item, step, is_done in zip(self._items, _STEPS, done, strict=True):
            item.classes(add="done" if is_done else "", remove="" if is_done else "done")
            item.set_content(f"{step}{' <span>done</span>' if is_done else ''}")
