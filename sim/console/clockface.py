"""The world's time on the screen, and how fast it passes."""

from __future__ import annotations

import time
from collections.abc import Callable

from nicegui import ui

from sim.console.pace import Pace
from sim.world import World

_CHOICES = {1: "real time", 60: "×60", 0: "next event"}
_TOLD = {
    1: "as fast as the host's clock",
    60: "a minute in a second",
    0: "as fast as this machine can, until a dispenser writes a record",
}


class ClockFace:
    """Time and pace in one browser page."""

    def __init__(self, world: World, pace: Pace, anew: Callable[[bool], None]) -> None:
        """`anew` begins another world, in virtual time or not."""
        self._world = world
        self._pace = pace
        self._buttons: dict[int, ui.html] = {}
        with ui.element("nav").classes("dw-tabs dw-time").props('aria-label="time"'):
            self._time = ui.html("", sanitize=False, tag="span").classes("clock")
            for rate, text in _CHOICES.items() if pace.chosen else ():
                self._buttons[rate] = self._button(text, _TOLD[rate])
                self._buttons[rate].on("click", lambda rate=rate: self._choose(rate))
            other = "in real time" if pace.chosen else "with time control"
            told = "ends this world and begins another" + (
                "" if pace.chosen else ", whose time can be sped up"
            )
            button = self._button(f"anew {other}", told)
            button.on("click", lambda: anew(not pace.chosen))

    def _button(self, text: str, told: str) -> ui.html:
        button = ui.html(text, sanitize=False, tag="button").classes("dw-quiet")
        return button.props(f'type=button title="{told}"')

    def _choose(self, rate: int) -> None:
        if rate:
            self._pace.choose(rate)
        else:
            self._pace.jump()

    def refresh(self) -> None:
        """Show what time it is."""
        now = time.strftime("%a %d %b %H:%M:%S", time.localtime(self._world.clock.now_ns // 10**9))
        if now != self._time.content:
            self._time.set_content(now)
        for rate, button in self._buttons.items():
            pressed = str(rate == self._pace.rate).lower()
            if button.props.get("aria-pressed") != pressed:
                button.props(f"aria-pressed={pressed}")
