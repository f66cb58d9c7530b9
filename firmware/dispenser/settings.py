# What the clinic chose: the SETTINGS of the protocol, checked. Minutes are of the local day.
from micropython import const

from dispenser import codes, wire

_DAY = const(1440)
_BIAS = const(1440)
_WEST = const(720)  # zones reach from UTC-12 to UTC+14
_EAST = const(840)
_TRANSITIONS = const(16)
_WINDOWS = const(28)  # four compartments, a week
_QUESTIONS = const(16)


class Refused(Exception):
    # why settings cannot be in force; `version` is 0 if it cannot be read
    def __init__(self, reason, version=0):
        super().__init__(reason)
        self.reason = reason
        self.version = version


class Settings:
    def __init__(self, values):
        self.version, self.volume, self.reminders = values[:3]
        self.quiet_start, self.quiet_end = values[3:5]
        self.silence, self.sets = values[5:7]
        self.transitions, self.windows, self.questions = values[7:]


# in force until the first ones come
DEFAULT = Settings((0, 2, 2, 1260, 480, 24, 1, [], [], []))


def parse(body):
    # bytes after the last field belong to a newer sender
    try:
        settings = Settings(wire.unpack(wire.SETTINGS, body)[0])
    except ValueError:
        raise Refused(codes.REFUSED_MALFORMED)
    if not _in_range(settings):
        raise Refused(codes.REFUSED_MALFORMED, settings.version)
    if not _by_the_rules(settings):
        raise Refused(codes.REFUSED_RULE, settings.version)
    return settings


def _in_range(settings):
    return (
        settings.version > 0
        and settings.volume <= 3
        and settings.reminders <= 2
        and settings.quiet_start < _DAY
        and settings.quiet_end < _DAY
        and settings.silence > 0
        and _all(settings.transitions, _TRANSITIONS, _is_transition)
        and _all(settings.windows, _WINDOWS, _is_window)
        and _all(settings.questions, _QUESTIONS, _is_question)
    )


def _all(items, most, check):
    return len(items) <= most and all(check(*item) for item in items)


def _is_transition(start, offset):
    return _BIAS - _WEST <= offset <= _BIAS + _EAST


def _is_window(number, compartment, weekdays, start, length, in_quiet):
    when = 1 <= weekdays <= 127 and start < _DAY and 1 <= length <= _DAY
    return number > 0 and 1 <= compartment <= 4 and when and in_quiet <= 1


def _is_question(question, trigger, weekdays, minute, expiry):
    asked = 1 <= question <= 3 and trigger in (codes.TRIGGER_AFTER_DOSE, codes.TRIGGER_SET_TIME)
    return asked and 1 <= weekdays <= 127 and minute < _DAY and 1 <= expiry <= _DAY


def _by_the_rules(settings):
    starts = [transition[0] for transition in settings.transitions]
    numbers = [window[0] for window in settings.windows]
    quiet = [window for window in settings.windows if not window[5] and _inside(settings, window)]
    ordered = all(a < b for a, b in zip(starts, starts[1:]))
    return ordered and len(set(numbers)) == len(numbers) and not quiet


def _inside(settings, window):
    # whether nobody could ever be reminded aloud in this window
    hours = (settings.quiet_end - settings.quiet_start) % _DAY
    return (window[3] - settings.quiet_start) % _DAY + window[4] <= hours
