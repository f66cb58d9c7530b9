"""Which dispenser is shown, who lives at it, and whether the clinic asks its patient."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from sim.console.session import Session

_FEW = 4
_NOBODY = "here: nobody"
_VALUE = "(e) => emit(e.target.value)"


class Picker:
    """The choice in one browser page; of many dispensers it is made among their tiles."""

    def __init__(
        self, session: Session, show: Callable[[str], None], all_of_them: Callable[[], None]
    ) -> None:
        self._session = session
        self._shown = ""
        self._tabs: dict[str, ui.html] = {}
        names = list(session.world.dispensers)
        with ui.element("nav").classes("dw-tabs").props('aria-label="dispensers"'):
            if len(names) <= _FEW:
                self._tabs = {name: self._tab(name, show) for name in names}
            else:
                self._one = self._button("")
                self._one.on("click", all_of_them)
            self._lives = self._select(session.lives.models)
            ask = self._button("clinic asks")
            ask.props('title="sends settings: a question after each dose, a reminder"')
            ask.on("click", lambda: session.ask(self._shown))

    def _tab(self, name: str, show: Callable[[str], None]) -> ui.html:
        tab = ui.html(name, sanitize=False, tag="button").classes("dw-tab")
        return tab.props("type=button").on("click", lambda: show(name))

    def _button(self, text: str) -> ui.html:
        button = ui.html(text, sanitize=False, tag="button").classes("dw-quiet")
        return button.props("type=button")

    def _select(self, models: list[str]) -> ui.element:
        with ui.element("select").classes("dw-quiet") as made:
            made.props('aria-label="who lives here"')
            for model in ("", *models):
                with ui.element("option").props(f'value="{model}"'):
                    ui.html(f"here: {model}" if model else _NOBODY, sanitize=False, tag="span")
        made.on("change", lambda event: self._live(str(event.args)), js_handler=_VALUE)
        return made

    async def _live(self, model: str) -> None:
        await self._session.live_here(self._shown, model)

    def choose(self, name: str) -> None:
        """Show that this is the one."""
        self._shown = name
        for each, tab in self._tabs.items():
            tab.props(f"aria-pressed={str(each == name).lower()}")
        if not self._tabs:
            count = len(self._session.world.dispensers)
            self._one.set_content(f"{name} of {count}")

    def refresh(self) -> None:
        """Show who lives there."""
        lives = self._session.lives.who.get(self._shown, "")
        if self._lives.props.get("value") != lives:
            self._lives.props(f'value="{lives}"')
