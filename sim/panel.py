"""What a dispenser's outputs are just now, as the firmware drives them."""

from __future__ import annotations

from collections import deque

from sim.board.events import OutputEvent

Colour = tuple[int, int, int]
LIGHTS = 8  # compartments 1-4, questions 1-3, status
_DARK: Colour = (0, 0, 0)
_MS = 10**6
_ANSWERS = 6
PRESSED, NOTED, DELIVERED, SEEN = "pressed", "noted", "delivered", "seen"
BEEP = "beep"
_BEEP_HZ = 880
_SILENCE_NS = 700 * _MS


class Panel:
    """Lights and sound of one dispenser; `version` grows with every change.

    `answers` are the last ones that the status light gave, in the words of the patient's page,
    with their times in Unix ns.
    """

    def __init__(self) -> None:
        self.lights: list[Colour] = [_DARK] * LIGHTS
        self.tone_hz = 0
        self.version = 0
        self.answers: deque[tuple[int, str]] = deque(maxlen=_ANSWERS)
        self.at_ms = 0
        """When the lights changed last, Unix ms, as the board tells."""
        self._reader = Reader()
        self._silent_since = 0

    def take(self, event: OutputEvent) -> str:
        """Take in what an output did; returns the answer or the beep that it was, mostly ""."""
        before = (list(self.lights), self.tone_hz)
        told = ""
        if event.kind == "pixels":
            self._pixels(event.data)
            self.at_ms = event.time_ns // _MS
            if told := self._reader.read(event.time_ns, self.lights[-1]):
                self.answers.append((event.time_ns, told))
        elif event.kind == "pwm" and event.name == "buzzer":
            told = self._sound(event.time_ns, event.freq if event.value else 0)
        if before != (self.lights, self.tone_hz):
            self.version += 1
        return told

    @property
    def says(self) -> str:
        """The last answer, "" before the first."""
        return self.answers[-1][1] if self.answers else ""

    def dark(self) -> None:
        """Go dark and silent: the power is gone."""
        if self.tone_hz or any(light != _DARK for light in self.lights):
            self.lights, self.tone_hz = [_DARK] * LIGHTS, 0
            self.version += 1

    def _sound(self, t: int, hz: int) -> str:
        # the chime has the same tone in its middle
        begins = hz == _BEEP_HZ and not self.tone_hz and t - self._silent_since >= _SILENCE_NS
        if self.tone_hz and not hz:
            self._silent_since = t
        self.tone_hz = hz
        return BEEP if begins else ""

    def _pixels(self, chain: bytes) -> None:
        for number in range(min(LIGHTS, len(chain) // 3)):
            green, red, blue = chain[3 * number : 3 * number + 3]
            self.lights[number] = (red, green, blue)


class Reader:
    """Reads the answers of a status light as a patient does: by rhythm and colour.

    One flash: pressed; two: noted; a long green glow: delivered; two of them: seen
    (`docs/patient.md`). What lasts longer or shorter is a state.
    """

    def __init__(self) -> None:
        self._colour = _DARK
        self._since = self._flash = self._glow = 0

    def read(self, t: int, colour: Colour) -> str:
        """Take in the light's colour from `t` (ns) on; returns an answer when there is one."""
        if colour == self._colour:
            return ""
        before, since = self._colour, self._since
        self._colour, self._since = colour, t
        if _white(colour):
            flashes, self._flash = t - self._flash < 700 * _MS, t
            return NOTED if flashes else ""
        lasted = t - since
        if _white(before) and 300 * _MS <= lasted < 700 * _MS:
            return PRESSED
        if _green(before) and 1000 * _MS <= lasted < 2500 * _MS:
            again, self._glow = since - self._glow < 1000 * _MS, t
            return SEEN if again else DELIVERED
        return ""


def _white(colour: Colour) -> bool:
    return 0 < min(colour) == max(colour)


def _green(colour: Colour) -> bool:
    return colour[1] > 0 and colour[0] == colour[2] == 0
