# Bounds records that are not about the patient: so many an hour of a type, the rest is counted.
from micropython import const

_LIMIT = const(60)
_HOUR = const(3600)
_MOST = const(65535)


class Limiter:
    def __init__(self):
        self._hours = {}  # type -> [start of its hour in s of uptime, records asked for]

    def allows(self, kind, now):
        hour = self._hours.setdefault(kind, [now, 0])
        hour[1] = min(hour[1] + 1, _LIMIT + _MOST)
        return hour[1] <= _LIMIT

    def ended(self, now):
        # (type, records kept out) of the hours that are over
        over = [kind for kind, hour in self._hours.items() if now - hour[0] >= _HOUR]
        counts = [(kind, self._hours.pop(kind)[1] - _LIMIT) for kind in over]
        return [entry for entry in counts if entry[1] > 0]
