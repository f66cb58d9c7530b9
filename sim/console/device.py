"""One dispenser on the screen: everything a patient can touch, every light, the sound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape

from nicegui import ui
from nicegui.element import Element

from sim.console.lanes import clock
from sim.console.session import Session
from sim.dispenser import Dispenser
from sim.panel import Colour

SCALE = ("none", "mild", "moderate", "severe", "very severe")
COMPARTMENTS = 4
QUESTIONS = 3
_STATUS = COMPARTMENTS + QUESTIONS
_HELD = ("pointerdown", "keydown.space", "keydown.enter")
_LET_GO = ("pointerup", "pointerleave", "keyup.space", "keyup.enter", "blur")
_ONCE = "(e) => { if (!e.repeat) emit() }"
Work = Callable[[], Awaitable[None]]


class Device:
    """The elements of one dispenser in one browser page; `refresh` follows what it does."""

    def __init__(self, session: Session, dispenser: Dispenser) -> None:
        self._session = session
        self._dispenser = dispenser
        self._panel = session.world.panels[dispenser.name]
        self._touches = session.touches
        self._lights: list[Element] = []
        self._keys: dict[str, Element] = {}
        self._holding: set[str] = set()
        self._shown: object = None
        with ui.element("section").classes("device") as self._body:
            self._body.props(f'aria-label="dispenser {dispenser.name}"')
            self._bay()
            self._questions()
            self._scale()
            self._foot()
        self.refresh()

    def _bay(self) -> None:
        self._lid = self._button("lid", "lid", lambda: self._touches.lid(self._dispenser))
        with ui.element("div").classes("bay"):
            for number in range(1, COMPARTMENTS + 1):
                with ui.element("div").classes("cell"):
                    self._light(f"light of compartment {number}")
                    self._held(f"beam{number}", str(number), f"take from compartment {number}")

    def _questions(self) -> None:
        with ui.element("div").classes("questions"):
            for number in range(1, QUESTIONS + 1):
                with ui.element("div").classes("question"):
                    self._light(f"light of question {number}")
                    _text("span", f"Question {number} (printed here)")

    def _scale(self) -> None:
        with ui.element("div").classes("scale"):
            for number, word in enumerate(SCALE):
                with ui.element("div"):
                    key = self._held(f"button{number}", str(number), f"button {number}, {word}")
                    key.classes("key")
                    _text("span", word)

    def _foot(self) -> None:
        with ui.element("div").classes("foot"):
            with ui.element("div").classes("state"):
                self._light("status light")
                self._says = _text("span", "status").props('role="status"').classes("says")
            self._sound = _text("span", "silent").classes("sound").props('role="status"')
            self._held("service", "service", "service button").classes("dw-quiet")
            self._plug = self._button(
                "dw-quiet",
                "plugged in",
                lambda: self._session.toggle("cable_out", self._dispenser.name),
            )

    def _light(self, label: str) -> None:
        light = ui.element("span").classes("light").props(f'role="img" aria-label="{label}"')
        self._lights.append(light)

    def _button(self, classes: str, text: str, work: Work) -> ui.html:
        button = _text("button", text).classes(classes).props("type=button aria-pressed=false")
        button.on("click", work)
        return button

    def _held(self, name: str, text: str, label: str) -> Element:
        key = _text("button", text).props(f'type=button aria-pressed=false aria-label="{label}"')
        self._keys[name] = key
        for event in _HELD:
            key.on(event, lambda: self._hold(name), js_handler=_ONCE)
        for event in _LET_GO:
            key.on(event, lambda: self._let_go(name))
        return key

    async def _hold(self, name: str) -> None:
        self._holding.add(name)
        await self._touches.press(self._dispenser, name)

    async def _let_go(self, name: str) -> None:
        self._holding.discard(name)
        await self._touches.release(self._dispenser, name)

    async def leave(self) -> None:
        """Let go of what is held: its browser is gone, or looks at another dispenser."""
        for name in sorted(self._holding):
            await self._let_go(name)

    def refresh(self) -> None:
        """Show what changed since the last look."""
        board = self._dispenser.board
        now = (
            self._panel.version, frozenset(self._dispenser.active), board.plugged, board.state,
            self._session.runs,
        )  # fmt: skip
        if now == self._shown:
            return
        self._shown = now
        for light, colour in zip(self._lights, self._panel.lights, strict=True):
            shown = css(colour)
            light.style(
                replace=f"background: {shown}; box-shadow: 0 0 10px {shown}" if shown else ""
            )
        self._lights[-1].props(f"data-at={self._panel.at_ms}")
        self._hear()
        self._press()

    def _hear(self) -> None:
        _say(self._says, self._panel.says or "status")
        told = ", ".join(f"{clock(t)} {answer}" for t, answer in self._panel.answers)
        self._says.props(f'title="{told}"')
        tone = self._panel.tone_hz
        _say(self._sound, f"♪ {tone} Hz" if tone else "silent")
        self._sound.classes(replace="sound on" if tone else "sound")

    def _press(self) -> None:
        opened = "lid" in self._dispenser.active
        _say(self._lid, "close the lid" if opened else "open the lid")
        self._lid.props(f"aria-pressed={str(opened).lower()}")
        for name, key in self._keys.items():
            key.props(f"aria-pressed={str(name in self._dispenser.active).lower()}")
            if name.startswith("beam"):
                key.props(remove="disabled") if opened else key.props("disabled")
        _say(self._plug, "plugged in" if self._dispenser.board.plugged else "unplugged")
        self._plug.props(f"aria-pressed={str(self._dispenser.board.plugged).lower()}")
        over = not self._session.runs
        self._body.props("inert") if over else self._body.props(remove="inert")
        off = over or self._dispenser.board.state == "off"
        self._body.classes(add="off" if off else "", remove="" if off else "off")


def _text(tag: str, words: str) -> ui.html:
    return ui.html(escape(words), sanitize=False, tag=tag)


def _say(element: ui.html, words: str) -> None:
    element.set_content(escape(words))


def css(light: Colour) -> str:
    """Return a light's colour as a screen shows it: an LED at a third looks bright."""
    brightest = max(light)
    if not brightest:
        return ""
    shown = [round(255 * (value / brightest)) for value in light]
    return f"rgb({shown[0]} {shown[1]} {shown[2]} / {min(1.0, 0.35 + brightest / 90):.2f})"
