"""Local time by the zone of the settings: where dose windows and questions are."""

from protocol.schema import TIME_BASE, Settings
from sim.expected.terms import MS

_SECOND_NS = 1000 * MS
_MINUTE_S = 60
_DAY_S = 86_400
_BIAS = 1440
"""Minutes that are added to an offset east of UTC."""


def local(settings: Settings, t: int) -> tuple[int, int]:
    """Return (day since Monday 2024-01-01, second of it) of a time in Unix ns."""
    utc = t // _SECOND_NS - TIME_BASE
    offset = settings.transitions[0].offset
    for transition in settings.transitions:
        offset = transition.offset if transition.start <= utc else offset
    return divmod(utc + (offset - _BIAS) * _MINUTE_S, _DAY_S)


def moment(settings: Settings, day: int, minute: int) -> int:
    """Return the first time (Unix ns) at which the local clock shows that minute or a later one.

    So a minute that comes twice is the first of both, and one that is skipped is when the clocks
    go forward.
    """
    wall = day * _DAY_S + minute * _MINUTE_S
    times = {wall - (zone.offset - _BIAS) * _MINUTE_S for zone in settings.transitions}
    times |= {zone.start for zone in settings.transitions}
    shown = [(time + TIME_BASE) * _SECOND_NS for time in times]
    return min(t for t in shown if local(settings, t) >= (day, minute * _MINUTE_S))
