# What becomes of the edges of lid, beams and buttons: debounced, put in the order in which they
# began, and told as records. A latch gives edges() as (tick, active) and active(), the level now.
from micropython import const

from dispenser import wire

LID = const(0)  # order of inputs: bits of STATE
_BEAMS = range(1, 5)
_BUTTONS = range(5, 10)
_UNKNOWN = (-1, 0)  # began before this boot
_CHATTER_MS = const(500)  # an input that never settles does not hold up the others for longer
_SETTINGS = const(0)  # settings in force: none yet
_LONGEST = const(4294967)  # s whose ms still fit 32 bits


class Debouncer:
    # an edge counts when the level then stays for `hold` ms; its time is that of the first edge
    def __init__(self, ticks, hold, level):
        self._ticks = ticks
        self._hold = hold
        self.reset(level)

    def reset(self, level):
        self.level = level  # None until it has settled
        self.first = None  # tick of the first edge of what has not settled
        self._last = 0
        self._raw = level

    def edge(self, tick, level):
        # tick of a change that had settled before this edge, else None
        changed = self.settle(tick)
        if self.first is None:
            self.first = tick
        self._last = tick
        self._raw = level
        return changed

    def settle(self, now):
        # tick of the change that has settled by now, else None
        if self.first is None or self._ticks.ticks_diff(now, self._last) < self._hold:
            return None
        first, self.first = self.first, None
        old, self.level = self.level, self._raw
        return first if old is not None and old != self.level else None

    def due(self, now):
        # whether a settling is due, so that the level should be looked at once more
        return self.first is not None and self._ticks.ticks_diff(now, self._last) >= self._hold

    def raw(self):
        return self._raw

    def wait(self, now):
        # ms until it settles, None if it has
        if self.first is None:
            return None
        return max(self._hold - self._ticks.ticks_diff(now, self._last), 0)


class Inputs:
    # `emit(type, values, tick)` writes a record, `supply(on)` switches the beams' emitters

    def __init__(self, ticks, latches, holds, supply, uptime, emit):
        self._ticks = ticks
        self._latches = latches
        self._bounce = [Debouncer(ticks, hold, False) for hold in holds]
        self._supply = supply
        self._uptime = uptime
        self._emit = emit
        self._lit = False
        self._began = [None] * len(latches)  # uptime at which an active input began
        self._reached = 0  # compartments in this opening
        self._settled = []  # (tick, input, active), not yet told

    def start(self):
        # what is active now is a state, not an event; beams are seen once they are lit
        self._boot = self._ticks.ticks_ms()
        for index, latch in enumerate(self._latches):
            for _ in latch.edges():
                pass
            self._bounce[index].reset(latch.active())
        self._starting = True
        self._darken()
        if self._bounce[LID].level:
            self._light(None)
        self.step()

    def step(self):
        # ms until the next step is due, None if only an edge can bring one
        for index, latch in enumerate(self._latches):
            for tick, active in latch.edges():
                self._edge(index, tick, active)
        now = self._ticks.ticks_ms()
        for index, bounce in enumerate(self._bounce):
            if bounce.due(now) and self._latches[index].active() != bounce.raw():
                self._edge(index, now, self._latches[index].active())
            self._note(index, bounce.settle(now))
        self._tell(now)
        if self._lit and not self._lid_open():
            self._darken()
        waits = [w for w in [bounce.wait(now) for bounce in self._bounce] if w is not None]
        return min(waits) if waits else None

    def _edge(self, index, tick, active):
        if index in _BEAMS and not self._lit:
            return
        self._note(index, self._bounce[index].edge(tick, active))
        if index == LID and active and not self._lit:
            # lit at the first edge: a dose may follow before the lid has settled
            self._light(False)

    def _note(self, index, tick):
        if tick is not None:
            self._settled.append((tick, index, self._bounce[index].level))

    def _lid_open(self):
        bounce = self._bounce[LID]
        return bounce.level or bounce.first is not None

    def _light(self, level):
        self._lit = True
        self._supply(True)
        now = self._ticks.ticks_ms()
        for index in _BEAMS:
            for _ in self._latches[index].edges():
                pass
            self._bounce[index].reset(level)
            active = self._latches[index].active()
            if active or level is None:
                self._bounce[index].edge(now, active)

    def _darken(self):
        self._lit = False
        self._supply(False)
        for index in _BEAMS:
            self._bounce[index].reset(False)

    # ---- in order ----------------------------------------------------------------------------

    def _tell(self, now):
        if self._starting:
            if not self._all_seen(now):
                return
            self._starting = False
            self._tell_state()
        while self._settled:
            change = self._earliest()
            if self._held_up(change, now):
                return
            self._settled.remove(change)
            self._change(*change)

    def _all_seen(self, now):
        for bounce in self._bounce:
            if bounce.level is None:
                if not self._chatters(bounce, now):
                    return False
                bounce.level = bounce.raw()
        return True

    def _earliest(self):
        best = self._settled[0]
        for other in self._settled:
            apart = self._ticks.ticks_diff(other[0], best[0])
            if apart < 0 or (apart == 0 and other[1] < best[1]):
                best = other
        return best

    def _held_up(self, change, now):
        # something that began earlier may still settle
        for index, bounce in enumerate(self._bounce):
            if bounce.first is None or self._chatters(bounce, now):
                continue
            apart = self._ticks.ticks_diff(bounce.first, change[0])
            if apart < 0 or (apart == 0 and index < change[1]):
                return True
        return False

    def _chatters(self, bounce, now):
        return self._ticks.ticks_diff(now, bounce.first) >= _CHATTER_MS

    # ---- as records --------------------------------------------------------------------------

    def _tell_state(self):
        mask = 0
        for index, bounce in enumerate(self._bounce):
            if bounce.level:
                mask |= 1 << index
                self._began[index] = _UNKNOWN
        self._reached = mask >> _BEAMS[0] & 15
        if mask:
            self._emit(wire.STATE, (_SETTINGS, mask), self._boot)

    def _change(self, tick, index, active):
        if index == LID:
            self._lid(tick, active)
        elif index in _BEAMS:
            self._beam(tick, index, active)
        elif index in _BUTTONS and active:
            self._emit(wire.RESPONSE, (_SETTINGS, index - _BUTTONS[0], 0, 0, 0), tick)

    def _lid(self, tick, active):
        if active:
            self._began[LID] = self._uptime(tick)
            self._emit(wire.LID_OPENED, (_SETTINGS,), tick)
            return
        for index in _BEAMS:
            self._beam(tick, index, False)
        duration, reached = self._duration(LID, tick), self._reached
        self._reached = 0
        self._emit(wire.LID_CLOSED, (_SETTINGS, duration, reached), tick)

    def _beam(self, tick, index, active):
        # beams count only while the lid is open
        if self._began[LID] is None or active == (self._began[index] is not None):
            return
        if active:
            self._began[index] = self._uptime(tick)
            self._reached |= 1 << index - 1
            self._emit(wire.DOSE, (_SETTINGS, index, 0, 0), tick)
        else:
            duration = self._duration(index, tick)
            self._emit(wire.DOSE_END, (_SETTINGS, index, duration, 1), tick)

    def _duration(self, index, tick):
        # ms since it began, which ends with this
        began, self._began[index] = self._began[index], None
        if began is None or began is _UNKNOWN:
            return wire.UNKNOWN_DURATION
        s, ms = self._uptime(tick)
        if s - began[0] >= _LONGEST:
            return wire.UNKNOWN_DURATION
        return (s - began[0]) * 1000 + ms - began[1]
