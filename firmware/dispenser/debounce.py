# From edges to levels that can be believed: those that stay. An input that stays active for longer
# than hands do is stuck, and tells nothing more until it has let go; one that changes more often
# than hands do is taken down.

from micropython import const

from dispenser import codes
from dispenser.clock import elapsed_ms, elapsed_s

_LID = const(0)
_FIRST_BUTTON = const(5)
_LID_S = const(86400)  # open for so long: the reed, not the patient
_BEAM_S = const(600)
_BUTTON_S = const(300)
_CHANGES = const(600)  # that an input has in hand
_EVERY_S = const(30)  # it gets another one


class Debouncer:
    # an edge counts when the level then stays for `hold` ms; its time is that of the first edge.
    # One that is doubted has to stay for longer, and its time is that of the last edge
    def __init__(self, ticks, hold, level):
        self._ticks = ticks
        self._hold = hold
        self.reset(level)

    def reset(self, level):
        self.level = level  # None until it has settled
        self.first = None  # tick of the first edge of what has not settled
        self.edges = 0  # since then
        self.doubted = 0  # ms to stay instead of `hold`
        self._last = 0
        self._raw = level

    def edge(self, tick, level):
        # tick of a change that had settled before this edge, else None
        changed = self.settle(tick)
        if self.first is None:
            self.first = tick
            self.edges = 0
        self.edges += 1
        self._last = tick
        self._raw = level
        return changed

    def settle(self, now):
        # tick of the change that has settled by now, else None
        if not self.due(now):
            return None
        first = self._last if self.doubted else self.first
        self.first = None
        self.doubted = 0
        old, self.level = self.level, self._raw
        return first if old is not None and old != self.level else None

    def doubt(self, hold):
        # believed again once it has stayed for so many ms
        self.doubted = hold

    def take_back(self, hold):
        # the change just settled is not believed
        self.level = not self.level
        self.first = self._last
        self.doubted = hold

    def due(self, now):
        # whether a settling is due, so that the level should be looked at once more
        return self.first is not None and not self._left(now)

    def unsettled(self, now):
        # ms since the first edge of what has not settled
        return 0 if self.first is None else self._ticks.ticks_diff(now, self.first)

    def raw(self):
        return self._raw

    def wait(self, now):
        # ms until it settles, None if it has
        return None if self.first is None else self._left(now)

    def _left(self, now):
        return max((self.doubted or self._hold) - self._ticks.ticks_diff(now, self._last), 0)


class Trust:
    def __init__(self, count, uptime, fault):
        self._uptime = uptime
        self._fault = fault
        self._since = [None] * count  # uptime at which an active input began
        self._stuck = 0  # mask
        self._left = [_CHANGES] * count
        self._paid = uptime()

    def allows(self, index):
        # takes a change from what the input has in hand
        self._pay()
        if not self._left[index]:
            self._fault(codes.FAULT_CHATTER, index, _CHANGES)
            return False
        self._left[index] -= 1
        return True

    def believes(self, index, active):
        # whether a change is told
        if active and self._stuck >> index & 1:
            return False
        if active:
            self._since[index] = self._uptime()
        else:
            self.whole(index)
        return True

    def look(self):
        # finds what is stuck; ms until something may be, None if nothing is active
        nearest = None
        for index, since in enumerate(self._since):
            if since is not None:
                lasted = elapsed_ms(since, self._uptime())
                left = _limit(index) * 1000 - lasted
                if left <= 0:
                    self.distrust(index)
                    self._fault(codes.FAULT_STUCK, index, lasted // 1000)
                elif nearest is None or left < nearest:
                    nearest = left
        return nearest

    def distrust(self, index):
        self._stuck |= 1 << index
        self._since[index] = None

    def ended(self, index):
        # not looked at any more
        self._since[index] = None

    def whole(self, index):
        # it has let go
        self._since[index] = None
        self._stuck &= ~(1 << index)

    def _pay(self):
        now = self._uptime()
        turns = elapsed_s(self._paid, now) // _EVERY_S
        if turns:
            self._left = [min(left + turns, _CHANGES) for left in self._left]
            self._paid = (self._paid[0] + turns * _EVERY_S, self._paid[1])


def _limit(index):
    if index == _LID:
        return _LID_S
    return _BEAM_S if index < _FIRST_BUTTON else _BUTTON_S
