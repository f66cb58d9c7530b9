# Questions: one lit at a time, each at most so many times a day as there are sets of them. A
# question waits while the lid is open, and what nobody answers goes dark. A press answers the
# question that was lit before it, and no other.
from micropython import const

from dispenser import clock, codes, wire
from dispenser.clock import elapsed_ms, elapsed_s

_REPEAT_MS = const(2000)  # the same button again: the same response
_CORRECT_MS = const(10000)  # another button: corrects it. No question is lit in that time
_REACTION_MS = const(300)  # nobody answers faster: such a press began before the light


class Prompts:
    # `emit(type, values, tick)` without the settings version; `new()` gives an id for a prompt
    def __init__(self, settings, uptime, new, emit):
        self._settings = settings
        self._uptime = uptime
        self._new = new
        self._emit = emit
        self._due = []  # (uptime in s, entry) after a dose
        self._asked = {}  # entry -> [day, times]
        self._lit = None  # (entry, prompt, uptime)
        self._last = None  # (button, question, prompt, uptime of its last press, of its first)
        self.unasked = None  # (question, prompt) lit in an earlier boot

    def question(self):
        # the lit one, 0 if none
        return self._lit[0][0] if self._lit else 0

    def press(self, tick, button):
        # whether this is a response, and not the same once more
        now = self._uptime(tick)
        last = self._last
        if last and last[0] == button and elapsed_ms(last[3], now) < _REPEAT_MS:
            self._last = last[:3] + (now, last[4])
            return False
        question, prompt, corrects = self._meant(now, button)
        self._last = (button, question, prompt, now, now)
        self._emit(wire.RESPONSE, (button, question, prompt, corrects), tick)
        return True

    def dose(self):
        # an access by the patient
        now = self._uptime()[0]
        for entry in self._settings.questions:
            if entry[1] == codes.TRIGGER_AFTER_DOSE and not self._waits(entry):
                self._due.append((now + entry[3] * 60, entry))

    def step(self, now, asking):
        # `now` is None without a time of day; `asking` False with the lid open or in a refill
        if self.unasked:
            question, prompt = self.unasked
            self.unasked = None
            self._expired(question, prompt, codes.EXPIRY_POWER)
        if self._lit:
            entry, prompt, since = self._lit
            if elapsed_s(since, self._uptime()) >= entry[4] * 60:
                self._lit = None
                self._expired(entry[0], prompt, codes.EXPIRY_TIMEOUT)
        local = None if now is None else clock.local(self._settings.transitions, now)
        if local is None or self._lit or not asking or self._answering():
            return
        entry = self._next(local)
        if entry:
            self._show(entry, local[0])

    def wait(self):
        # ms until the next step is due by what is lit or was promised, None without. Set times
        # begin with a minute
        if self._lit:
            entry, _, since = self._lit
            return max(entry[4] * 60000 - elapsed_ms(since, self._uptime()), 1)
        up = self._uptime()
        if self._answering():
            first, latest = elapsed_ms(self._last[4], up), elapsed_ms(self._last[3], up)
            return max(_CORRECT_MS + 1 - first, _REPEAT_MS - latest)
        coming = [due[0] for due in self._due if due[0] > up[0]]
        return elapsed_ms(up, (min(coming), 0)) if coming else None

    def use(self, settings):
        # a question of old settings goes dark
        self._settings = settings
        self._due = []
        if self._lit:
            entry, prompt, _ = self._lit
            self._lit = None
            self._expired(entry[0], prompt, codes.EXPIRY_SETTINGS)

    def recall(self, kind, values, time):
        # a record of an earlier boot
        if kind == wire.PROMPT_SHOWN:
            self.unasked = (values[1], values[2])
            local = clock.local(self._settings.transitions, time)
            for entry in self._settings.questions if local else ():
                if entry[:2] == (values[1], values[3]):
                    self._count(entry, local[0])
        elif kind == wire.PROMPT_EXPIRED or (kind == wire.RESPONSE and values[3]):
            self.unasked = None

    def _meant(self, now, button):
        # (question, prompt, corrects) of a press
        last = self._last
        if last and last[0] != button and elapsed_ms(last[4], now) <= _CORRECT_MS:
            return last[1], last[2], 1
        if self._lit and elapsed_ms(self._lit[2], now) >= _REACTION_MS:
            entry, prompt, _ = self._lit
            self._lit = None
            return entry[0], prompt, 0
        return 0, 0, 0

    def _answering(self):
        # a press now would be a repetition or a correction
        last = self._last
        if not last:
            return False
        now = self._uptime()
        return elapsed_ms(last[4], now) <= _CORRECT_MS or elapsed_ms(last[3], now) < _REPEAT_MS

    def _next(self, local):
        day, minute = local
        now = self._uptime()[0]
        # what has waited for longer than it may be lit is not asked any more
        self._due = [due for due in self._due if now - due[0] < due[1][4] * 60]
        for due in self._due:
            if due[0] <= now and self._may(due[1], day):
                self._due.remove(due)
                return due[1]
        for entry in self._settings.questions:
            late = minute - entry[3]
            if (
                entry[1] == codes.TRIGGER_SET_TIME
                and 0 <= late < entry[4]
                and self._may(entry, day)
            ):
                return entry
        return None

    def _may(self, entry, day):
        if not entry[2] >> day % 7 & 1:
            return False
        asked, times = self._asked.get(entry, (None, 0))
        return asked != day or times < self._sets(entry)

    def _sets(self, entry):
        # a set time comes once a day
        return 1 if entry[1] == codes.TRIGGER_SET_TIME else self._settings.sets

    def _count(self, entry, day):
        asked, times = self._asked.get(entry, (None, 0))
        self._asked[entry] = (day, times + 1 if asked == day else 1)

    def _waits(self, entry):
        return any(due[1] == entry for due in self._due)

    def _show(self, entry, day):
        self._count(entry, day)
        prompt = self._new()
        self._lit = (entry, prompt, self._uptime())
        self._emit(wire.PROMPT_SHOWN, (entry[0], prompt, entry[1]), None)

    def _expired(self, question, prompt, reason):
        self._emit(wire.PROMPT_EXPIRED, (question, prompt, reason), None)
