# Makes records: their time, the boot they belong to, and the limits of what is not about the
# patient: so many an hour of a type, the rest is counted. BOOT comes with the first other record
# of a boot or when `announce` is called.
from micropython import const

from dispenser import wire
from dispenser.clock import elapsed_ms

_QUIET_BOOTS = const(3)  # from here on this may be a crash loop: all but the patient's waits
_LIMIT = const(60)
_HOUR = const(3600)
_MOST_KEPT_OUT = const(65535)


class Recorder:
    # `reset` = (cause, boots that wrote nothing, version); `announced()` is called after BOOT,
    # `written()` after every record
    def __init__(self, journal, clock, reset, announced, written):
        self.boot = journal.boot + 1 & 0xFFFF
        self._journal = journal
        self._clock = clock
        self._reset = reset
        self._announced = announced
        self._written = written
        self._looping = journal.quiet >= _QUIET_BOOTS
        self._limiter = Limiter()
        self._silent = True
        self.longest = 0  # ms that a record took
        self._waiting = []  # [type, values, tick, mode] that come with BOOT
        # as good as the time was then: BOOT comes before the record that tells of a better one
        self._started = clock.stamp(clock.started, wire.MODE_PATIENT)
        self.mode = wire.MODE_PATIENT  # who is at the dispenser

    def next(self):
        # seq of the next record
        return self._journal.next

    def patient(self, kind, values, tick):
        self.announce()
        self._append(kind, values, tick, self.mode)

    def state(self, values, tick):
        self._offer(wire.STATE, values, tick, self.mode)

    def housekeeping(self, kind, values, mode=None):
        self.report_suppressed()
        if self._limiter.allows(kind, self._clock.uptime()[0]):
            mode = self.mode if mode is None else mode
            self._offer(kind, values, self._clock.ticks(), mode)

    def command(self, kind, values):
        # what the backend made happen is never suppressed
        self.announce()
        self._append(kind, values, self._clock.ticks(), wire.MODE_PATIENT)

    def tell_damage(self):
        # GAP records of what was found to be gone
        self.announce()
        if self._journal.damaged():
            seconds, stamp = self._clock.stamp(self._clock.ticks(), wire.MODE_PATIENT)
            self._journal.tell(self.boot, seconds, stamp)
            self._written()

    def report_suppressed(self):
        # tells what an hour's limit has kept out, once that hour is over
        for kind, count in self._limiter.ended(self._clock.uptime()[0]):
            self._append(wire.SUPPRESSED, (kind, count), self._clock.ticks(), wire.MODE_PATIENT)

    def announce(self):
        # writes BOOT, and what waits for it, unless they are written
        if self._silent:
            cause, skipped, version = self._reset
            values = (cause, skipped) + version
            self._put(wire.BOOT, values, self._started)
            self._silent = False
            self._announced()
        while self._waiting:
            self._append(*self._waiting.pop(0))

    def _offer(self, kind, values, tick, mode):
        self._waiting = [entry for entry in self._waiting if not _outdone(entry, kind, values)]
        self._waiting.append((kind, values, tick, mode))
        if not self.holds():
            self.announce()

    def holds(self):
        # whether what is not about the patient has to wait, in memory only
        return self._looping and self._silent

    def _append(self, kind, values, tick, mode):
        self._put(kind, values, self._clock.stamp(tick, mode))

    def _put(self, kind, values, when):
        began = self._clock.uptime()
        data = wire.pack(wire.DATA[kind], *values)
        seconds, stamp = when
        try:
            self._journal.append(self.boot, seconds, stamp, kind, data)
        except OSError:
            # once more, from what is on flash
            self._journal.append(self.boot, seconds, stamp, kind, data)
        self.longest = max(self.longest, elapsed_ms(began, self._clock.uptime()))
        self._written()


def _outdone(entry, kind, values):
    # whether a newer record tells all that the entry tells: of faults only the same one does
    if entry[0] != kind:
        return False
    return kind not in (wire.FAULT, wire.TAMPER) or entry[1][:2] == values[:2]


class Limiter:
    def __init__(self):
        self._hours = {}  # type -> [start of its hour in s of uptime, records asked for]

    def allows(self, kind, now):
        hour = self._hours.setdefault(kind, [now, 0])
        hour[1] = min(hour[1] + 1, _LIMIT + _MOST_KEPT_OUT)
        return hour[1] <= _LIMIT

    def ended(self, now):
        # (type, records kept out) of the hours that are over
        over = [kind for kind, hour in self._hours.items() if now - hour[0] >= _HOUR]
        counts = [(kind, self._hours.pop(kind)[1] - _LIMIT) for kind in over]
        return [entry for entry in counts if entry[1] > 0]
