# What the dispenser does for itself, a little at a time: power, heartbeats, the look through the
# journal, confirming a release. Pure: readings come as arguments.
import gc

from micropython import const

from dispenser import codes, wire
from dispenser.reader import Verifier

_LOW_MV = const(3300)  # three primary cells: 1.1 V each
_EMPTY_MV = const(3000)
_BACK_MV = const(150)  # so much above a limit before it counts as passed again
_MISSING_MV = const(500)

OK = const(0)
LOW = const(1)
EMPTY = const(2)
_BEAT_S = const(21600)  # four heartbeats a day, counted from the boot
_VERIFY_S = const(60)  # when the look through the journal begins
_DAY = const(86400)
_CONFIRM_S = const(20)  # what hangs or crashes does so before
_SOUND_S = const(60)  # a start that lasts so long came to something
_SURE_MS = const(500)  # until a change of power is looked at again
_NOT_MEASURED = const(255)
_NEVER = const(0xFFFFFFFF)
_MOST = const(65535)


class Supply:
    # USB or battery; a change counts when it is seen twice in a row
    def __init__(self):
        self.source = None  # codes.POWER_..., None until it is known
        self.battery = 0  # mV, 0 without cells
        self.level = OK
        self._before = None

    def settled(self):
        # what was seen last is what counts
        return self._before == (self.source, self.level)

    def look(self, usb, battery):
        # (source, mV) of a POWER record if there is something to tell, else None
        self.battery = battery if battery >= _MISSING_MV else 0
        seen = (codes.POWER_USB if usb else codes.POWER_BATTERY, self._next_level())
        before, self._before = self._before, seen
        now = (self.source, self.level)
        if seen != before or seen == now:
            return None
        self.source, self.level = seen
        return None if now[0] is None else (self.source, self.battery)

    def _next_level(self):
        if not self.battery:
            return OK
        level = self.level
        while level < EMPTY and self.battery < (_LOW_MV, _EMPTY_MV)[level]:
            level += 1
        while level > OK and self.battery >= (_LOW_MV, _EMPTY_MV)[level - 1] + _BACK_MV:
            level -= 1
        return level


class Upkeep:
    # `world` has usb(), battery(), temperature(), test() and went_well(); `powered(battery, low)`
    # is told what feeds it; `stall` knows the longest gap
    def __init__(self, clock, keeper, recorder, journal, slots, world, powered, stall):
        self._clock = clock
        self._keeper = keeper
        self._recorder = recorder
        self._journal = journal
        self._slots = slots
        self._world = world
        self._powered = powered
        self.supply = Supply()
        self._stall = stall
        self._verifier = Verifier(journal)
        self._verify = _VERIFY_S
        self._heartbeat = _BEAT_S
        self._sound = self._confirmed = False

    def start(self):
        # what is told of a release is marked as told: not before it is on flash
        if not self._recorder.holds():
            self._slots.start()

    def step(self):
        # ms until the next if that cannot wait for the next beat, else None
        now = self._clock.uptime()[0]
        self._look_at_power()
        self._settle(now)
        if now >= self._heartbeat:
            self._heartbeat += _BEAT_S
            self._recorder.housekeeping(wire.HEARTBEAT, self._vitals(now))
        if now >= self._verify:
            self._look_through()
        return None if self.supply.settled() else _SURE_MS

    def free(self):
        gc.collect()
        return gc.mem_free()

    def _look_at_power(self):
        values = self.supply.look(self._world.usb(), self._world.battery())
        if values:
            self._recorder.housekeeping(wire.POWER, values)
        battery = self.supply.source == codes.POWER_BATTERY
        self._powered(battery, self.supply.level == EMPTY or battery and self.supply.level > 0)

    def _settle(self, now):
        if not self._sound and now >= _SOUND_S:
            self._sound = True
            self._slots.start()
            self._world.went_well()
        if not self._confirmed and now >= _CONFIRM_S:
            self._confirmed = True
            if not self._slots.confirmed():
                self._recorder.announce()
                self._slots.start()
                self._confirm()

    def _confirm(self):
        # a part that is broken is no fault of the release, unless nothing works without it
        faults = self._world.test()
        for kind in faults:
            self._recorder.housekeeping(wire.FAULT, (kind, 255, 0))
        self._slots.confirm()

    def _vitals(self, now):
        held = min(self._journal.next - self._journal.first, _MOST)
        supply = self.supply
        source = codes.POWER_BATTERY if supply.source is None else supply.source
        vitals = (now, self.free(), held, supply.battery, source)
        return vitals + (self._temperature(), self._clock_age(), self._stall.worst)

    def _temperature(self):
        try:
            return min(max(self._world.temperature() + 40, 0), _NOT_MEASURED - 1)
        except OSError:
            return _NOT_MEASURED

    def _clock_age(self):
        # at most: the last record with a right clock is no older than the setting
        if self._clock.quality == wire.QUALITY_UPTIME or not self._journal.synced:
            return _NEVER
        if self._keeper.set_at is not None:
            return self._clock.uptime()[0] - self._keeper.set_at
        return max(self._clock.time()[0] - self._journal.synced, 0)

    def _look_through(self):
        self._verifier.step()
        if self._verifier.done:
            self._verify += _DAY
            if self._journal.damaged():
                self._recorder.tell_damage()
            self._verifier.restart()
