# What has reached the clinic's side, as far as WATERMARKs tell, and since when nothing has. Kept
# in RAM: after a boot all counts as under way until the first WATERMARK.
from micropython import const

from dispenser.clock import elapsed_s

_HOUR = const(3600)


class Delivery:
    # `uptime` as Clock.uptime; a watermark is the first seq that is not stored
    def __init__(self, uptime):
        self._uptime = uptime
        self._next = 0
        self._since = uptime()  # of the last progress, None if all is delivered
        self._answer = None  # seq of the last response
        self._delivered = None  # as above, once it is delivered

    def answered(self, seq):
        # a response was written whose delivery is to be shown
        self._answer = seq
        self._delivered = None

    def step(self, watermark, next):
        # whether a response has just been delivered; `next` is the journal's
        if watermark > self._next:
            self._next = watermark
            self._since = self._uptime()
        if self._next >= next:
            self._since = None
        elif self._since is None:
            self._since = self._uptime()
        if self._answer is None or self._answer >= self._next:
            return False
        self._delivered = self._answer
        self._answer = None
        return True

    def seen(self, next):
        # whether a response that was delivered has just been seen, as all before `next` were
        if self._delivered is None or self._delivered >= next:
            return False
        self._delivered = None
        return True

    def overdue(self, hours):
        # nothing has got through for so long, though there was something
        return self._since is not None and elapsed_s(self._since, self._uptime()) >= hours * _HOUR
