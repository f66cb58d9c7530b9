# One wait for all that has its time: the parts of the app are stepped when theirs has come, or
# when something has happened, and sleep together until the earliest. And the pulse: the watchdog
# is fed while every task gets round that has something to do.
from micropython import const

from dispenser.clock import elapsed_ms

BEAT_MS = const(4000)
_MOST = const(65535)
_AGAIN_MS = const(1000)  # a task is behind: until it is looked at once more
_STEP = const(0)
_DUE = const(1)
_EAGER = const(2)


class Progress:
    # a task joins with waits(), whether it has something to do, and marks each of its rounds
    def __init__(self):
        self._tasks = []
        self._had = self._seen = 0

    def join(self, waits):
        self._tasks.append(waits)
        return 1 << len(self._tasks) - 1

    def mark(self, bit):
        self._seen |= bit

    def behind(self):
        # mask of the tasks that have something to do
        mask = 0
        for n, waits in enumerate(self._tasks):
            if waits():
                mask |= 1 << n
        return mask

    def missing(self, behind):
        # of those behind, the ones that were so at the last call and did not get round since
        missing = behind & self._had & ~self._seen
        self._had = behind
        self._seen = 0
        return missing


class Stall:
    # longest time in ms that the loop was held up, hence a feed of the watchdog late
    def __init__(self):
        self.worst = 0

    def note(self, ms):
        self.worst = min(max(self.worst, ms), _MOST)


class Pulse:
    # `feed()` the watchdog, `hung(mask)` tells which tasks hang
    def __init__(self, clock, progress, feed, hung):
        self._clock = clock
        self._progress = progress
        self._feed = feed
        self._hung = hung
        self._due = None
        self.stall = Stall()

    def step(self):
        # ms until the next
        now = self._clock.uptime()
        if self._due:
            self.stall.note(max(elapsed_ms(self._due, now), 0))
        behind = self._progress.behind()
        missing = self._progress.missing(behind)
        if missing:
            self._hung(missing)
        else:
            self._feed()
        wait = _AGAIN_MS if behind else BEAT_MS
        self._due = (now[0], now[1] + wait)
        return wait


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
