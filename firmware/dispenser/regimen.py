# Dose windows: which one an access belongs to, when to remind, and which was missed. Without a
# time of day or a zone there is no window: nothing is guessed. Times are s since 2024-01-01 UTC.
from micropython import const

from dispenser import clock, codes, wire

_CHIME_S = const(600)  # after the light, or a third of the window
_STOP_S = const(1800)  # two thirds
_LATE_S = const(120)  # a window first seen later was not watched from its start
_LIGHTS = const(1)
_CHIMES = const(2)


class Watched:
    # what is known of one window's present turn
    def __init__(self, start, whole):
        self.start = start
        self.whole = whole  # watched since its start, and by one clock
        self.taken = False
        self.step = 0  # the last ReminderStep told
        self.asked = None  # when the light was lit
        self.over = False


class Regimen:
    # `emit(type, values, tick)` without the settings version. `self.lit` is a mask of the
    # compartments that are asked for, `self.quiet` whether it is a quiet hour

    def __init__(self, settings, emit):
        self._emit = emit
        self._settings = settings
        self._turns = {}  # number of a window -> Watched
        self.chimes = 0  # reminders to sound, counted up
        self.lit = 0
        self.quiet = False
        self.due = None  # when a reminder goes on

    def use(self, settings):
        # new settings: what is known stays with windows that begin at the same moment
        self._settings = settings

    def access(self, compartment, now):
        # (window, relation) of an access; `now` is None without a time of day
        if now is None or not self._settings.windows or not self._settings.transitions:
            return 0, codes.RELATION_NONE
        mine = other = had = None
        for window, start in self._open(now):
            turn = self._turn(window[0], start, now)
            if window[1] == compartment and not turn.taken:
                mine = mine or (window[0], turn)
            elif window[1] == compartment:
                had = had or window[0]
            elif not turn.taken:
                other = other or window[0]
        if mine:
            mine[1].taken = True
            return mine[0], codes.RELATION_IN_WINDOW
        if had:
            return had, codes.RELATION_EXCESS
        if other:
            return other, codes.RELATION_WRONG_COMPARTMENT
        return 0, codes.RELATION_OUT_OF_WINDOW

    def disturbed(self):
        # the clock was wrong: of what is open nobody knows whether it was missed
        for turn in self._turns.values():
            turn.whole = False

    def step(self, now, asking):
        # `asking` is False while somebody refills or tests it
        self.lit = 0
        self.due = None
        local = None if now is None else clock.local(self._settings.transitions, now)
        self.quiet = local is not None and self._is_quiet(local[1])
        if local is None:
            return
        for window, start in self._open(now):
            turn = self._turn(window[0], start, now)
            if asking and not turn.taken:
                self._remind(window, turn, now)
        self._finish(now)

    def recall(self, kind, values, time):
        # a record of an earlier boot: what it says of a window that may still be open
        if kind == wire.DOSE and values[3] == codes.RELATION_IN_WINDOW:
            self._recalled(values[2], time).taken = True
        elif kind == wire.REMINDER:
            turn = self._recalled(values[1], time)
            turn.step = max(turn.step, values[2])
            turn.asked = turn.asked or time
        elif kind == wire.WINDOW_MISSED:
            self._turns[values[1]] = Watched(values[3], False)
            self._turns[values[1]].over = True

    def _recalled(self, number, time):
        for window, start in self._open(time):
            if window[0] == number:
                return self._turn(number, start, start + _LATE_S + 1)
        return Watched(0, False)

    def _open(self, now):
        # (window, start) of those that are open: begun today or yesterday
        local = clock.local(self._settings.transitions, now)
        found = []
        for window in self._settings.windows if local else ():
            for day in (local[0], local[0] - 1):
                start = self._starts(window, day)
                if start is not None and start <= now < start + window[4] * 60:
                    found.append((window, start))
                    break
        return found

    def _starts(self, window, day):
        if not window[2] >> day % 7 & 1:
            return None
        return clock.utc(self._settings.transitions, day, window[3])

    def _turn(self, number, start, now):
        turn = self._turns.get(number)
        if turn is None or turn.start != start:
            turn = self._turns[number] = Watched(start, now - start <= _LATE_S)
        return turn

    def _finish(self, now):
        for window in self._settings.windows:
            turn = self._turns.get(window[0])
            if turn and not turn.over and now >= turn.start + window[4] * 60:
                turn.over = True
                if turn.whole and not turn.taken:
                    self._emit(wire.WINDOW_MISSED, (window[0], window[1], turn.start), None)

    def _remind(self, window, turn, now):
        level = self._level(window)
        if not level or turn.over:
            return
        if turn.asked is None:
            turn.asked = now
        chime, stop = _ages(window)
        for age in (chime, stop):
            if turn.asked + age > now and (self.due is None or turn.asked + age < self.due):
                self.due = turn.asked + age
        step = self._step(now - turn.asked, chime, stop, level)
        if step > turn.step:
            turn.step = step
            self._emit(wire.REMINDER, (window[0], step), None)
            self.chimes += step == codes.REMINDER_CHIME
        if turn.step != codes.REMINDER_STOPPED:
            self.lit |= 1 << window[1] - 1

    def _step(self, age, chime, stop, level):
        if age >= stop:
            return codes.REMINDER_STOPPED
        if level == _CHIMES and age >= chime and not self.quiet:
            return codes.REMINDER_CHIME
        return codes.REMINDER_LIGHT

    def _level(self, window):
        # 0 nothing, 1 light, 2 light and chime
        level = self._settings.reminders
        if self.quiet and not window[5]:
            return 0
        return min(level, _LIGHTS) if not self._settings.volume else level

    def _is_quiet(self, minute):
        start, end = self._settings.quiet_start, self._settings.quiet_end
        return start <= minute < end if start <= end else minute >= start or minute < end


def _ages(window):
    # s from the light to the chime, and to its end
    length = window[4] * 60
    return min(_CHIME_S, length // 3), min(_STOP_S, length * 2 // 3)
