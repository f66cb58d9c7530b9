# What feeds the dispenser. Pure: readings come as arguments.
from micropython import const

from dispenser import codes

_LOW_MV = const(3300)  # three primary cells: 1.1 V each
_EMPTY_MV = const(3000)
_BACK_MV = const(150)  # so much above a limit before it counts as passed again
_MISSING_MV = const(500)

OK = const(0)
LOW = const(1)
EMPTY = const(2)


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
