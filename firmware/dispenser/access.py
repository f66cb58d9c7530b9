# Openings of the lid and what was reached for in them. One access is one compartment within one
# opening: it begins with the first break of its beam and ends when the lid closes, or when the
# beam has stayed whole for a minute. Breaks in between belong to it and are counted.
from micropython import const

from dispenser import codes, wire
from dispenser.clock import elapsed_ms, elapsed_s
from dispenser.inputs import BEAMS, LID

_COLLAPSE_MS = const(60000)  # whole for so long: the next break is another access
_SLACK_MS = const(2000)  # a break that began in time may not have settled yet
_REFILL_S = const(180)  # the lid open for longer, or this many compartments: it may be a refill
_REFILL_REACHED = const(3)
_MOST_BREAKS = const(255)
_UNKNOWN = (-1, 0)  # began before this boot
_LONGEST = const(4294967)  # s whose ms still fit 32 bits


class Reach:
    # one access under way
    def __init__(self, began):
        self.began = began
        self.breaks = 1
        self.tick = self.ended = None  # of the last end, None while the beam is broken


class Access:
    # `emit(type, values, tick)` takes values without the settings version. `self.open` is whether
    # the lid is, `self.reached` a mask of compartments, bit 0 to 3

    def __init__(self, uptime, emit):
        self._uptime = uptime
        self._emit = emit
        self.open = None  # uptime at which the lid was opened
        self.reached = 0
        self._seen = None  # as open, but of this boot
        self._reaches = {}
        self.watching = True  # whether a refill is to be suspected
        self._suspected = False

    def state(self, mask):
        # what was active at boot
        if mask & 1 << LID:
            self._open(_UNKNOWN)
        for index in BEAMS:
            if mask >> index & 1 and self.open:
                self._reaches[index] = Reach(_UNKNOWN)
                self.reached |= 1 << index - 1

    def change(self, tick, index, active):
        if index == LID:
            self._lid(tick, active)
        elif self.open:
            # beams count only while the lid is open
            self._beam(tick, index, active)

    def step(self):
        # ms until the next step is due, None if only an input can bring one
        if not self.open:
            return None
        now = self._uptime()
        waits = []
        for index in BEAMS:
            reach = self._reaches.get(index)
            if reach and reach.ended:
                left = _COLLAPSE_MS + _SLACK_MS - elapsed_ms(reach.ended, now)
                if left <= 0:
                    self._end(index)
                else:
                    waits.append(left)
        self._suspect(None)
        if self.watching and not self._suspected:
            waits.append(_REFILL_S * 1000 - elapsed_ms(self._seen, now))
        return max(min(waits), 1) if waits else None

    def _lid(self, tick, active):
        if active:
            self._open(self._uptime(tick))
            self._emit(wire.LID_OPENED, (), tick)
            return
        for index in BEAMS:
            self._beam(tick, index, False)
            self._end(index)
        duration = _duration(self.open, self._uptime(tick)) if self.open else wire.UNKNOWN_DURATION
        reached, self.reached = self.reached, 0
        self.open = self._seen = None
        self._emit(wire.LID_CLOSED, (duration, reached), tick)

    def _open(self, since):
        self.open = since
        self._seen = self._uptime()
        self.reached = 0
        self._suspected = False

    def _beam(self, tick, index, active):
        reach = self._reaches.get(index)
        if active:
            if reach and elapsed_ms(reach.ended, self._uptime(tick)) >= _COLLAPSE_MS:
                self._end(index)
                reach = None
            self._broken(tick, index, reach)
        elif reach and not reach.ended:
            reach.tick = tick
            reach.ended = self._uptime(tick)

    def _broken(self, tick, index, reach):
        if reach:
            reach.breaks = min(reach.breaks + 1, _MOST_BREAKS)
            reach.ended = None
            return
        self._reaches[index] = Reach(self._uptime(tick))
        self.reached |= 1 << index - 1
        self._emit(wire.DOSE, (index,), tick)
        self._suspect(tick)

    def _end(self, index):
        reach = self._reaches.pop(index, None)
        if reach:
            dwell = _duration(reach.began, reach.ended)
            self._emit(wire.DOSE_END, (index, dwell, reach.breaks), reach.tick)

    def _suspect(self, tick):
        if not self.open or self._suspected or not self.watching:
            return
        many = sum([self.reached >> bit & 1 for bit in range(4)]) >= _REFILL_REACHED
        if many or elapsed_s(self._seen, self._uptime()) >= _REFILL_S:
            self._suspected = True
            values = (codes.REFILL_POSSIBLE, codes.REFILL_BY_PATTERN, self.reached)
            self._emit(wire.REFILL, values, tick)


def _duration(began, ended):
    if began is _UNKNOWN or ended[0] - began[0] >= _LONGEST:
        return wire.UNKNOWN_DURATION
    return (ended[0] - began[0]) * 1000 + ended[1] - began[1]
