# The app's pulse: the watchdog is fed while every task gets round that has something to do.
from micropython import const

from dispenser.clock import elapsed_ms

BEAT_MS = const(4000)
_MOST = const(65535)
_AGAIN_MS = const(1000)  # a task is behind: until it is looked at once more


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
