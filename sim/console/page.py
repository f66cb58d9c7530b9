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

    def _main(self) -> None:
        with ui.element("div").classes("dw-main"):
            with ui.element("section").classes("dw-card"):
                ui.html(
                    "The way of each record: milliseconds after the stimulus",
                    sanitize=False,
                    tag="h2",
                )
                self._lanes = Lanes(self._session.ways)
            with ui.element("div").classes("dw-lower"):
                with ui.element("section").classes("dw-card"):
                    ui.html("Break and heal", sanitize=False, tag="h2")
                    self._faults = Switchboard(self._session, self._shown)
                with ui.element("section").classes("dw-card"):
                    ui.html("How it is", sanitize=False, tag="h2")
                    self._states = StatesCard(self._session.states)

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
        self._hear()

    def _hear(self) -> None:
        tone = self._session.panels[self._shown].tone_hz
        if tone != self._tone:
            self._tone = tone
            ui.run_javascript(f"dosewireTone({tone})")
