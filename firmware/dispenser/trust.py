# Which inputs can be believed: one that stays active for longer than hands do is stuck, and tells
# nothing more until it has let go; one that changes more often than hands do is taken down.
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
