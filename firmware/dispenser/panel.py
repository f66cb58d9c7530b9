# Which pattern is shown when. Answers to a press come before states; of the states the first in
# the table wins. `lights.show(pixels)` takes bytes, `buzzer.tone(hz, duty)` 0 Hz for silence,
# `wake()` asks for a step. And what has reached the clinic's side, as far as WATERMARKs tell, and
# since when nothing has: kept in RAM, after a boot all counts as under way until the first one.
from micropython import const

from dispenser.clock import elapsed_s
from dispenser.patterns import (
    ANSWERS,
    COMPARTMENTS,
    DIM,
    LIGHTS,
    PATTERNS,
    QUESTIONS,
    STATES,
    VOLUMES,
)

_HOUR = const(3600)


class Panel:
    def __init__(self, ticks, lights, buzzer, wake):
        self._wake = wake
        self._ticks = ticks
        self._lights = lights
        self._buzzer = buzzer
        self._states = {"starting"}
        self._shown = []  # (light, pattern, rhythm, its length, tick it began at, colour)
        self._stale = True  # what is to be shown has changed since
        self._lit = -1  # mask of the lights that are on, -1 if something else has changed
        self._answer = None  # as above, of an answer to a press
        self._later = None  # name of an answer that waits
        self._compartments = 0  # masks of what is asked for
        self._question = 0
        self._dim = False
        self._notes = ()
        self._note = 0  # tick at which the first of them began
        self._volume = 2
        self._tone = (0, 0)
        self._pixels = bytearray(3 * LIGHTS)

    # ---- what there is to show ---------------------------------------------------------------

    def state(self, name, on):
        if on == (name in self._states):
            return
        if on:
            self._states.add(name)
        else:
            self._states.discard(name)
        self._renew()

    def ask(self, compartments, question, dim):
        # a mask of compartments that are due, the question that is lit or 0; dim in quiet hours:
        # less light, no sound
        asked = (compartments, question, dim)
        if asked != (self._compartments, self._question, self._dim):
            self._compartments, self._question, self._dim = asked
            self._renew()

    def volume(self, step):
        self._volume = step

    # ---- what has happened -------------------------------------------------------------------

    def pressed(self):
        # shown at once: what follows may take its time
        self._begin("pressed")
        self.step()

    def noted(self):
        # it is on flash; what waits to be told was about an answer before it
        self._later = None
        self._begin("noted")
        self._sound("noted")
        self.step()

    def delivered(self):
        # a WATERMARK has passed it
        self._wait("delivered")

    def seen(self):
        # the clinic has acknowledged it
        self._wait("seen")

    def chime(self):
        self._sound("chime")

    def _renew(self):
        self._stale = True
        self._wake()

    def _begin(self, name):
        self._answer = (name, self._ticks.ticks_ms())
        self._stale = True

    def _wait(self, name):
        if self._later is None or ANSWERS.index(name) > ANSWERS.index(self._later):
            self._later = name
            self._wake()

    def _sound(self, name):
        self._notes = PATTERNS[name][4]
        self._note = self._ticks.ticks_ms()
        self._wake()

    # ---- showing it --------------------------------------------------------------------------

    def step(self):
        # ms until something changes by itself, None if nothing does
        now = self._ticks.ticks_ms()
        nearest = self._step_sound(now) if self._notes else None
        self._end_answer(now)
        if self._stale:
            self._compose(now)
        lit = 0
        for light, _, rhythm, length, began, _ in self._shown:
            on, left = True, None
            if length:
                on, left = _phase(rhythm, self._ticks.ticks_diff(now, began) % length)
            lit |= on << light
            if left is not None and (nearest is None or left < nearest):
                nearest = left
        if lit != self._lit:
            self._lit = lit
            self._paint()
        return nearest

    def pattern(self, light):
        # name of what that light shows, None if it is dark
        if light in COMPARTMENTS:
            if self._compartments >> COMPARTMENTS.index(light) & 1:
                return "remind"
            return "refill" if "refill" in self._states else None
        if light in QUESTIONS:
            return "ask" if QUESTIONS.index(light) + 1 == self._question else None
        if self._answer:
            return self._answer[0]
        for name in STATES:
            if name in self._states:
                return name
        return None

    def _end_answer(self, now):
        if self._answer:
            name, since = self._answer
            _, rhythm, times, _, _ = PATTERNS[name]
            if self._ticks.ticks_diff(now, since) >= sum(rhythm) * times:
                self._answer = None
                self._stale = True
        if self._later and not self._answer:
            self._begin(self._later)
            self._later = None

    def _compose(self, now):
        # which pattern each light shows, and since when; a steady one has no length
        before = {entry[0]: entry for entry in self._shown}
        self._shown = []
        for light in range(LIGHTS):
            name = self.pattern(light)
            if name is None:
                continue
            _, rhythm, times, colour, _ = PATTERNS[name]
            old = before.get(light)
            began = old[4] if old and old[1] == name else now
            if times:
                began = self._answer[1]
            length = sum(rhythm) if rhythm[-1] else 0
            self._shown.append((light, name, rhythm, length, began, colour))
        self._stale = False
        self._lit = -1

    def _paint(self):
        pixels = bytearray(3 * LIGHTS)
        for light, _, _, _, _, colour in self._shown:
            if self._lit >> light & 1:
                for channel in range(3):
                    level = colour[channel]
                    pixels[3 * light + channel] = (level + DIM - 1) // DIM if self._dim else level
        if pixels != self._pixels:
            self._pixels = pixels
            self._lights.show(pixels)

    def _step_sound(self, now):
        at = self._ticks.ticks_diff(now, self._note)
        hz, left = 0, None
        for note in self._notes:
            if at < note[1]:
                hz, left = note[0], note[1] - at
                break
            at -= note[1]
        else:
            self._notes = ()
        duty = 0 if self._dim else VOLUMES[self._volume]
        tone = (hz, duty) if hz and duty else (0, 0)
        if tone != self._tone:
            self._tone = tone
            self._buzzer.tone(*tone)
        return left


def _phase(rhythm, at):
    # (whether it is on, ms until that changes)
    for n, length in enumerate(rhythm):
        if at < length:
            return n % 2 == 0, length - at
        at -= length
    return False, 0


class Delivery:
    # `uptime` as Clock.uptime; a watermark is the first seq that is not stored
    def __init__(self, uptime):
        self._uptime = uptime
        self._next = 0
        self._since = uptime()  # of the last progress, None if all is delivered
        self._answer = None  # seq of the last response
        self._delivered = None  # as above, once it is delivered

    def answered(self, seq):
        # a response was written whose delivery is to be shown
        self._answer = seq
        self._delivered = None

    def step(self, watermark, next):
        # whether a response has just been delivered; `next` is the journal's
        if watermark > self._next:
            self._next = watermark
            self._since = self._uptime()
        if self._next >= next:
            self._since = None
        elif self._since is None:
            self._since = self._uptime()
        if self._answer is None or self._answer >= self._next:
            return False
        self._delivered = self._answer
        self._answer = None
        return True

    def seen(self, next):
        # whether a response that was delivered has just been seen, as all before `next` were
        if self._delivered is None or self._delivered >= next:
            return False
        self._delivered = None
        return True

    def overdue(self, hours):
        # nothing has got through for so long, though there was something
        return self._since is not None and elapsed_s(self._since, self._uptime()) >= hours * _HOUR
