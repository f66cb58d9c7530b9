# One wait for all that has its time: the parts of the app are stepped when theirs has come, or
# when something has happened, and sleep together until the earliest.
from micropython import const

_STEP = const(0)
_DUE = const(1)
_EAGER = const(2)


class Rounds:
    def __init__(self, ticks):
        self._ticks = ticks
        self._parts = []

    def join(self, step, eager):
        # step() gives the ms until it wants the next one, None if only an event can bring it; an
        # eager part is stepped at every event
        self._parts.append([step, self._ticks.ticks_ms(), eager])

    def run(self, happened):
        # steps what is due, in the order of joining; ms until the next, None if nothing has a time
        ticks = self._ticks
        nearest = None
        for part in self._parts:
            due = part[_DUE]
            left = None if due is None else ticks.ticks_diff(due, ticks.ticks_ms())
            if (happened and part[_EAGER]) or (left is not None and left <= 0):
                left = part[_STEP]()
                part[_DUE] = None if left is None else ticks.ticks_add(ticks.ticks_ms(), left)
            if left is not None and (nearest is None or left < nearest):
                nearest = left
        return nearest
