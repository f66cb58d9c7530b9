# What becomes of the edges of lid, beams and buttons: debounced, put in the order in which they
# began, and told. A latch gives edges() as (tick, active) and active(), the level now. What hands
# cannot do is told as a fault and not as a change.
from micropython import const

from dispenser import codes
from dispenser.debounce import Debouncer, Trust

LID = const(0)  # order of inputs: bits of STATE
BEAMS = range(1, 5)
BUTTONS = range(5, 10)
SERVICE = const(10)
NONE = const(255)  # subject of a fault of no one input
_ALL_BEAMS = const(0x1E)
_CHATTER_MS = const(500)  # an input that has not settled by then chatters, and holds up no other
_QUIET_MS = const(1000)  # it has to stay for so long to be believed again
_RESTLESS_MS = const(60000)  # and so long if it changed too often


class Inputs:
    # `supply(on)` switches the beams' emitters. `sink` is told felt(input), state(mask, tick),
    # change(tick, input, active), fault(kind, input, value)

    def __init__(self, ticks, latches, holds, supply, uptime, sink):
        self._ticks = ticks
        self._latches = latches
        self._bounce = [Debouncer(ticks, hold, False) for hold in holds]
        self._supply = supply
        self._sink = sink
        self._trust = Trust(len(latches), uptime, sink.fault)
        self._lit = False
        self._lit_at = None
        self._left = None  # beams broken when the lid was closed
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
            self._doubt(index, bounce, now)
        self._tell(now)
        nearest = self._trust.look()
        if self._lit and not self._lid_open():
            self._darken()
        for bounce in self._bounce:
            wait = bounce.wait(now)
            if wait is not None and (nearest is None or wait < nearest):
                nearest = wait
        return nearest

    def dark(self):
        # whether the beams may be tested: the lid is closed and nothing is going on
        return not self._lit and self._bounce[LID].first is None

    def mask(self):
        # bits of STATE that are active now
        return sum([bool(bounce.level) << index for index, bounce in enumerate(self._bounce)])

    def left_broken(self):
        # beams (bits of STATE) that were broken when the lid was last closed; None if it has not
        # been closed since this was asked before
        left, self._left = self._left, None
        return left

    def _edge(self, index, tick, active):
        if index in BEAMS and not self._lit:
            return
        self._note(index, self._bounce[index].edge(tick, active))
        if index == LID and active and not self._lit:
            # lit at the first edge: a dose may follow before the lid has settled
            self._light(False)

    def _note(self, index, tick):
        if tick is None:
            return
        bounce = self._bounce[index]
        if not self._trust.allows(index):
            bounce.take_back(_RESTLESS_MS)
            return
        self._settled.append((tick, index, bounce.level))
        if bounce.level and index in BUTTONS and not self._starting:
            self._sink.felt(index)

    def _doubt(self, index, bounce, now):
        if not bounce.doubted and bounce.unsettled(now) >= _CHATTER_MS and not self._starting:
            bounce.doubt(_QUIET_MS)
            self._sink.fault(codes.FAULT_CHATTER, index, bounce.edges)

    def _lid_open(self):
        bounce = self._bounce[LID]
        return bounce.level or bounce.first is not None

    def _light(self, level):
        self._lit = True
        self._supply(True)
        self._lit_at = now = self._ticks.ticks_ms()
        for index in BEAMS:
            for _ in self._latches[index].edges():
                pass
            self._bounce[index].reset(level)
            active = self._latches[index].active()
            if active or level is None:
                self._bounce[index].edge(now, active)
            if not active:
                self._trust.whole(index)

    def _darken(self):
        if self._lit:
            self._left = 0
        for index in BEAMS:
            if self._lit:
                self._left |= bool(self._bounce[index].raw()) << index
            self._bounce[index].reset(False)
            self._trust.ended(index)
        self._lit = False
        self._supply(False)

    # ---- in order ----------------------------------------------------------------------------

    def _tell(self, now):
        if self._starting:
            if not self._all_seen(now):
                return
            self._starting = False
            self._tell_state()
        self._find_blind()
        while self._settled:
            change = self._earliest()
            if self._held_up(change, now):
                return
            self._settled.remove(change)
            if self._trust.believes(change[1], change[2]):
                self._sink.change(*change)

    def _all_seen(self, now):
        for bounce in self._bounce:
            if bounce.level is None:
                if bounce.unsettled(now) < _CHATTER_MS:
                    return False
                bounce.level = bounce.raw()
        return True

    def _tell_state(self):
        mask = 0
        for index, bounce in enumerate(self._bounce):
            mask |= bool(bounce.level) << index
        if mask & _ALL_BEAMS == _ALL_BEAMS:
            self._blind()
            mask &= ~_ALL_BEAMS
        for index in range(len(self._bounce)):
            if mask >> index & 1:
                self._trust.believes(index, True)
        if mask:
            self._sink.state(mask, self._boot)

    def _find_blind(self):
        # no hand breaks all beams before it can see them: their light is gone
        dark = [c for c in self._settled if c[1] in BEAMS and c[2] and c[0] == self._lit_at]
        if len(dark) == len(BEAMS):
            self._settled = [change for change in self._settled if change not in dark]
            self._blind()

    def _blind(self):
        self._sink.fault(codes.FAULT_IMPOSSIBLE, NONE, _ALL_BEAMS)
        for index in BEAMS:
            self._trust.distrust(index)

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
            if bounce.first is None or bounce.doubted or bounce.unsettled(now) >= _CHATTER_MS:
                continue
            apart = self._ticks.ticks_diff(bounce.first, change[0])
            if apart < 0 or (apart == 0 and index < change[1]):
                return True
        return False
