# Local time. A zone is a list of (start, offset): from that second on so many minutes east of UTC
# plus a bias, as the settings carry it. Before the first its offset holds.
from micropython import const

_BIAS = const(1440)
DAY = const(86400)


def local(zone, utc):
    # (day since Monday 2024-01-01, minute of that day); None without a zone
    if not zone:
        return None
    offset = zone[0][1]
    for start, after in zone:
        if start <= utc:
            offset = after
    seconds = utc + (offset - _BIAS) * 60
    return seconds // DAY, seconds % DAY // 60


def utc(zone, day, minute):
    # the second of a local time: the first one if the hour repeats; if it is skipped, the moment
    # at which the clocks go forward
    wall = day * DAY + (minute + _BIAS) * 60
    begins = -DAY
    for n, (start, offset) in enumerate(zone):
        if n:
            begins = start
        moment = wall - offset * 60
        if n + 1 == len(zone) or moment < zone[n + 1][0]:
            return max(moment, begins)
    return None
