# What the clinic chose: the SETTINGS of the protocol, checked. Minutes are of the local day. On
# flash they are each time whole: the new ones take the old ones' place by a rename, and the old
# ones are kept beside them. `untold` lasts from before that until a record tells it. The counter
# of a command that changed no settings is in a file of its own.
import os
import struct
from binascii import crc32

from micropython import const

from dispenser import codes, wire

_DAY = const(1440)
_BIAS = const(1440)
_WEST = const(720)  # zones reach from UTC-12 to UTC+14
_EAST = const(840)
_TRANSITIONS = const(16)
_WINDOWS = const(28)  # four compartments, a week
_QUESTIONS = const(16)
_CURRENT = "/current"
_PREVIOUS = "/previous"
_NEXT = "/next"
_UNTOLD = "/untold"
_COUNTER = "/counter"
_FORM = ">LH"  # command counter, version before; then SETTINGS and crc32
_HEAD = const(6)
_ENOENT = const(2)


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


class SettingsFile:
    def __init__(self, root, guard):
        self._root = root
        self._guard = guard
        self.damaged = False  # what was in force cannot be read

    def load(self):
        # (counter, version before, SETTINGS); zeros and no bytes if there never were any
        for name in (_CURRENT, _PREVIOUS):
            data = self._read(name)
            if data is not None:
                return struct.unpack_from(_FORM, data) + (data[_HEAD:],)
        return 0, 0, b""

    def put(self, counter, before, body):
        # in force when this returns; after an error or a cut the old ones or the new ones are
        data = struct.pack(_FORM, counter, before) + body
        data += crc32(data).to_bytes(4, "big")
        with self._guard:
            self._make_folder()
            self._keep()
            self._write(_UNTOLD, data[:4])
            self._write(_NEXT, data)
            os.rename(self._root + _NEXT, self._root + _CURRENT)

    def counter(self):
        # of the last command accepted
        try:
            with open(self._root + _COUNTER, "rb") as file:
                data = file.read()
        except OSError:
            data = b""
        alone = int.from_bytes(data[:4], "big")
        whole = len(data) == 8 and crc32(data[:4]).to_bytes(4, "big") == data[4:]
        return max(self.load()[0], alone if whole else 0)

    def count(self, counter):
        data = counter.to_bytes(4, "big")
        with self._guard:
            self._make_folder()
            self._write(_COUNTER, data + crc32(data).to_bytes(4, "big"))

    def forget(self):
        # another patient: the default, but no command counts again
        counter = self.counter()
        if counter:
            self.put(counter, 0, b"")
            self.told()

    def told(self):
        with self._guard:
            os.remove(self._root + _UNTOLD)

    def untold(self):
        # counter of settings that no record may tell, None if there are none
        try:
            with open(self._root + _UNTOLD, "rb") as file:
                return int.from_bytes(file.read(), "big")
        except OSError:
            return None

    def _keep(self):
        # never puts what is damaged in the place of what is whole
        if self._read(_CURRENT) is not None:
            with open(self._root + _CURRENT, "rb") as file:
                self._write(_PREVIOUS, file.read())

    def _read(self, name):
        # without its crc32; None if it is not there or not whole
        try:
            with open(self._root + name, "rb") as file:
                data = file.read()
        except OSError as error:
            self.damaged |= error.errno != _ENOENT
            return None
        if len(data) >= _HEAD + 4 and crc32(data[:-4]).to_bytes(4, "big") == data[-4:]:
            return data[:-4]
        self.damaged = True
        return None

    def _write(self, name, data):
        with open(self._root + name, "wb") as file:
            file.write(data)

    def _make_folder(self):
        try:
            os.mkdir(self._root)
        except OSError as error:
            if error.errno != 17:  # EEXIST
                raise
