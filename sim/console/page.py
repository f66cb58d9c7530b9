"""The one page of the console, put together for each browser that opens it."""

from __future__ import annotations

from pathlib import Path

from nicegui import ui

from sim.console.device import Device
from sim.console.lanes import Lanes
from sim.console.session import Session
from sim.console.states import StatesCard
from sim.console.switchboard import Switchboard

STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
_TONE = """
<script>
window.dosewireTone = (() => {
  let audio, voice;
  return (hz) => {
    if (voice) { voice.stop(); voice = null; }
    if (!hz) return;
    audio = audio || new AudioContext();
    const gain = audio.createGain();
    voice = audio.createOscillator();
    voice.type = "square"; voice.frequency.value = hz; gain.gain.value = 0.03;
    voice.connect(gain).connect(audio.destination); voice.start();
  };
})();
</script>
"""
_VIEWS = {
    "ways": "the way of each record (ms after the stimulus)",
    "clinic": "what the clinic sees",
}
_GUIDE = """<ol>
<li>Open the lid, take from a compartment, press how you feel.</li>
<li>Watch each record go from the journal to the clinic's store.</li>
<li>Break something, go on, heal it: nothing is lost.</li>
</ol>"""
_REFRESH_S = 0.1


class Page:
    """The elements of one browser page, and what keeps them current."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._shown = next(iter(session.world.dispensers))
        self._tone = 0
        self._seen = "ways"
        self._views: dict[str, ui.html] = {}
        self._faults: Switchboard | None = None
        ui.add_css(STYLE)
        ui.add_head_html(_TONE)
        with ui.element("main").classes("dw"):
            self._head()
            self._side()
            self._main()
        ui.timer(_REFRESH_S, self._refresh)

    def _head(self) -> None:
        with ui.element("header").classes("dw-head"):
            ui.html("Dosewire", sanitize=False, tag="h1")
            self._said = ui.html("", sanitize=False).classes("run").props('role="status"')
            self._quiet("save what I did", self._save)
            self._quiet("end and check", self._verify)

    def _quiet(self, text: str, work: object) -> None:
        button = ui.html(text, sanitize=False, tag="button").classes("dw-quiet")
        button.props("type=button").on("click", work)  # type: ignore[arg-type]

    def _side(self) -> None:
        with ui.element("div").classes("dw-side"):
            with ui.element("nav").classes("dw-tabs").props('aria-label="dispensers"'):
                self._tabs = {name: self._tab(name) for name in self._session.world.dispensers}
                self._lives = ui.html("let a patient live here", sanitize=False, tag="button")
                self._lives.classes("dw-quiet").props("type=button aria-pressed=false")
                self._lives.on("click", lambda: self._session.let_live(self._shown))
            self._place = ui.element("div")
            self._show(self._shown)
            with ui.element("section").classes("dw-card guide"):
                ui.html("Three steps", sanitize=False, tag="h2")
                ui.html(_GUIDE, sanitize=False)

    def _tab(self, name: str) -> ui.html:
        tab = ui.html(f"dispenser {name}", sanitize=False, tag="button").classes("dw-tab")
        tab.props("type=button").on("click", lambda: self._show(name))
        return tab

    def _show(self, name: str) -> None:
        self._shown = name
        for each, tab in self._tabs.items():
            tab.props(f"aria-pressed={str(each == name).lower()}")
        self._place.clear()
        with self._place:
            self._device = Device(self._session, self._session.world.dispensers[name])
        if self._faults:
            self._faults.show(name)
            self._look(self._seen)

    def _main(self) -> None:
        with ui.element("div").classes("dw-main"):
            with ui.element("section").classes("dw-card"):
                with ui.element("nav").classes("dw-tabs").props('aria-label="views"'):
                    for name, text in _VIEWS.items():
                        self._views[name] = self._view(name, text)
                self._ways = ui.element("div").classes("fill")
                with self._ways:
                    self._lanes = Lanes(self._session.ways)
                self._clinic = ui.element("iframe").classes("fill clinic")
                self._clinic.props('title="what the clinic sees"')
            self._look("ways")
            with ui.element("div").classes("dw-lower"):
                with ui.element("section").classes("dw-card"):
                    self._faults = Switchboard(self._session, self._shown)
                with ui.element("section").classes("dw-card"):
                    self._states = StatesCard(self._session.states)

    def _view(self, name: str, text: str) -> ui.html:
        tab = ui.html(text, sanitize=False, tag="button").classes("dw-tab")
        tab.props("type=button").on("click", lambda: self._look(name))
        return tab

    def _look(self, view: str) -> None:
        self._seen = view
        for name, tab in self._views.items():
            tab.props(f"aria-pressed={str(name == view).lower()}")
        self._ways.set_visibility(view == "ways")
        self._clinic.set_visibility(view == "clinic")
        if view == "clinic":
            self._clinic.props(f'src="{self._session.clinic.address(self._shown)}"')

    async def _save(self) -> None:
        path = self._session.save()
        self._session.said = f"saved; play it again: dosewire sim run {path}"

    async def _verify(self) -> None:
        await self._session.verify()

    def _refresh(self) -> None:
        self._device.refresh()
        self._lanes.refresh()
        if self._faults:
            self._faults.refresh()
        self._states.refresh()
        if self._session.said != self._said.content:
            self._said.set_content(self._session.said)
        living = str(self._shown in self._session.patients).lower()
        if self._lives.props.get("aria-pressed") != living:
            self._lives.props(f"aria-pressed={living}")
        self._hear()

    def _hear(self) -> None:
        tone = self._session.panels[self._shown].tone_hz
        if tone != self._tone:
            self._tone = tone
            ui.run_javascript(f"dosewireTone({tone})")
