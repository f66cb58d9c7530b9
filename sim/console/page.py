"""The one page of the console, put together for each browser that opens it."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

from nicegui import background_tasks, ui

from sim.console.clockface import ClockFace
from sim.console.device import Device
from sim.console.fleet import FleetView
from sim.console.guide import Guide
from sim.console.lanes import Lanes
from sim.console.picker import Picker
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
    "ways": "the way of each record (ms)",
    "clinic": "what the clinic sees",
    "fleet": "all dispensers",
}
_REFRESH_S = 0.05
"""Twice in the shortest flash of a light."""
_CROWD = 16
"""More dispensers than that need the whole height."""
Get = Callable[[], Session | None]


class Waiting:
    """What a browser sees while a world is being made."""

    def __init__(self, get: Get) -> None:
        self._get = get
        ui.add_css(STYLE)
        with ui.element("main").classes("dw-wait"):
            ui.html("Dosewire", sanitize=False, tag="h1")
            ui.html("making a world; this takes some seconds", sanitize=False).props("role=status")
        self._timer = ui.timer(0.2, self._look)

    def _look(self) -> None:
        if self._get() is not None:
            self._timer.cancel()
            ui.navigate.reload()


class Page:
    """The elements of one browser page, and what keeps them current."""

    def __init__(self, session: Session, get: Get, anew: Callable[[bool], None]) -> None:
        """`get` tells the session of now; `anew` ends this one and begins another."""
        self._session = session
        self._get = get
        self._anew = anew
        self._shown = next(iter(session.world.dispensers))
        self._tone = 0
        self._seen = "ways"
        self._device: Device | None = None
        self._views: dict[str, ui.html] = {}
        ui.add_css(STYLE)
        ui.add_head_html(_TONE)
        with ui.element("main").classes("dw"):
            self._head()
            self._side()
            self._main()
        self._show(self._shown)
        self._look("ways")
        self._timer = ui.timer(_REFRESH_S, self._refresh)
        ui.context.client.on_disconnect(self._leave)

    async def _leave(self) -> None:
        if self._device is not None:
            await self._device.leave()

    def _head(self) -> None:
        with ui.element("header").classes("dw-head"):
            ui.html("Dosewire", sanitize=False, tag="h1")
            self._clock = ClockFace(self._session.world, self._session.pace, self._anew)
            self._said = ui.html("", sanitize=False).classes("run").props('role="status"')
            self._quiet("save what I did", self._save)
            self._quiet("end and check", self._session.verify)

    def _quiet(self, text: str, work: object) -> None:
        button = ui.html(text, sanitize=False, tag="button").classes("dw-quiet")
        button.props("type=button").on("click", work)  # type: ignore[arg-type]

    def _side(self) -> None:
        with ui.element("div").classes("dw-side"):
            self._picker = Picker(self._session, self._show, lambda: self._look("fleet"))
            self._place = ui.element("div")
            with ui.element("section").classes("dw-card guide"):
                self._guide = Guide(self._session)

    def _show(self, name: str) -> None:
        self._shown = name
        self._picker.choose(name)
        if self._device is not None:
            background_tasks.create(self._device.leave())
        self._place.clear()
        with self._place:
            self._device = Device(self._session, self._session.world.dispensers[name])
        self._fleet.choose(name)
        self._faults.show(name)
        if self._seen == "clinic":
            self._look("clinic")

    def _main(self) -> None:
        with ui.element("div").classes("dw-main") as self._body:
            with ui.element("section").classes("dw-card"):
                with ui.element("nav").classes("dw-tabs").props('aria-label="views"'):
                    for name, text in _VIEWS.items():
                        self._views[name] = self._view(name, text)
                self._lanes = Lanes(self._session.ways)
                self._clinic = ui.element("iframe").classes("fill clinic")
                self._clinic.props('title="what the clinic sees"')
                with ui.element("div").classes("fill ward") as self._ward:
                    names = list(self._session.world.dispensers)
                    self._fleet = FleetView(self._session.fleet, names, self._show)
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
        self._lanes.show(view == "ways")
        self._clinic.set_visibility(view == "clinic")
        self._ward.set_visibility(view == "fleet")
        crowd = view == "fleet" and len(self._session.world.dispensers) > _CROWD
        self._body.classes(
            remove="tall read", add=f"{'tall' * crowd}{'read' * (view == 'clinic')}"
        )
        if view == "clinic":
            self._clinic.props(f'src="{self._session.clinic.address(self._shown)}"')

    async def _save(self) -> None:
        path = self._session.save()
        self._session.said = f"saved; play it again: dosewire sim run {path}"

    def _refresh(self) -> None:
        if self._get() is not self._session:
            self._timer.cancel()
            ui.navigate.reload()
            return
        parts = (
            self._clock, self._picker, self._guide, self._lanes, self._fleet, self._faults,
            self._states,
        )  # fmt: skip
        for part in parts:
            part.refresh()
        if self._device is not None:
            self._device.refresh()
        self._say()
        self._hear()

    def _say(self) -> None:
        said = escape(self._session.said)
        if said != self._said.content:
            self._said.set_content(said)
            self._said.props(f'title="{said}"')
        over = not self._session.runs
        self._said.classes(add="over" if over else "", remove="" if over else "over")

    def _hear(self) -> None:
        tone = self._session.world.panels[self._shown].tone_hz
        if tone != self._tone:
            self._tone = tone
            ui.run_javascript(f"dosewireTone({tone})")
