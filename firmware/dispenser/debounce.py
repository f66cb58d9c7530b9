# From edges to levels that can be believed.


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
