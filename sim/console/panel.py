"""What a dispenser's outputs are just now, as the firmware drives them."""

from __future__ import annotations

from sim.board.events import OutputEvent

Colour = tuple[int, int, int]
LIGHTS = 8  # compartments 1-4, questions 1-3, status
_DARK: Colour = (0, 0, 0)


class Panel:
    """Lights and sound of one dispenser; `version` grows with every change."""

    def __init__(self) -> None:
        self.lights: list[Colour] = [_DARK] * LIGHTS
        self.tone_hz = 0
        self.version = 0

    def take(self, event: OutputEvent) -> None:
        """Take in what an output did."""
        before = (list(self.lights), self.tone_hz)
        if event.kind == "pixels":
            self._pixels(event.data)
        elif event.kind == "pwm" and event.name == "buzzer":
            self.tone_hz = event.freq if event.value else 0
        if before != (self.lights, self.tone_hz):
            self.version += 1

    def dark(self) -> None:
        """Go dark and silent: the power is gone."""
        if self.tone_hz or any(light != _DARK for light in self.lights):
            self.lights, self.tone_hz = [_DARK] * LIGHTS, 0
            self.version += 1

    def _pixels(self, chain: bytes) -> None:
        for number in range(min(LIGHTS, len(chain) // 3)):
            green, red, blue = chain[3 * number : 3 * number + 3]
            self.lights[number] = (red, green, blue)


def css(light: Colour) -> str:
    """Return a light's colour as a screen shows it: an LED at a third looks bright."""
    brightest = max(light)
    if not brightest:
        return ""
    shown = [round(255 * (value / brightest)) for value in light]
    return f"rgb({shown[0]} {shown[1]} {shown[2]} / {min(1.0, 0.35 + brightest / 90):.2f})"
