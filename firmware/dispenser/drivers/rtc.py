# DS3231: time of day, and a count in its alarm registers, which the battery keeps and writing does
# not wear. Register numbers and bits: Maxim DS3231 data sheet, figure 1. Years 2024 to 2099.
from micropython import const

_SECONDS = const(0x00)
_ALARM = const(0x07)
_STATUS = const(0x0F)
_TEMPERATURE = const(0x11)
_STOPPED = const(0x80)  # OSF: the oscillator stood still, the time means nothing
_DAY = const(86400)
_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Ds3231:
    def __init__(self, i2c, address):
        self._i2c = i2c
        self._address = address

    def read(self):
        # s since 2024-01-01, None if the clock has stood still; OSError if it does not answer
        if self._get(_STATUS, 1)[0] & _STOPPED:
            return None
        s, m, h, _, day, month, year = self._get(_SECONDS, 7)
        date = (_binary(year) - 24, _binary(month & 0x1F), _binary(day))
        if date[0] < 0 or not 1 <= date[1] <= 12 or not date[2]:
            return None
        return _days(*date) * _DAY + _binary(h & 0x3F) * 3600 + _binary(m) * 60 + _binary(s & 0x7F)

    def set(self, seconds):
        # the second begins with this write; the clock counts as running again
        days, rest = divmod(seconds, _DAY)
        year, month, day = _date(days)
        values = (rest % 60, rest // 60 % 60, rest // 3600, days % 7 + 1, day, month, year + 24)
        self._put(_SECONDS, bytes(_bcd(value) for value in values))
        self._put(_STATUS, bytes((self._get(_STATUS, 1)[0] & ~_STOPPED,)))

    def temperature(self):
        # degrees Celsius, of the chip
        degrees = self._get(_TEMPERATURE, 1)[0]
        return degrees - 256 if degrees > 127 else degrees

    def count(self):
        # the count kept by the battery, 0 if it was lost
        high, low, not_high, not_low = self._get(_ALARM, 4)
        return high << 8 | low if high ^ not_high == 255 and low ^ not_low == 255 else 0

    def keep(self, count):
        high, low = count >> 8 & 255, count & 255
        self._put(_ALARM, bytes((high, low, high ^ 255, low ^ 255)))

    def _get(self, register, count):
        return self._i2c.readfrom_mem(self._address, register, count)

    def _put(self, register, data):
        self._i2c.writeto_mem(self._address, register, data)


def _binary(bcd):
    return (bcd >> 4) * 10 + (bcd & 15)


def _bcd(value):
    return value // 10 << 4 | value % 10


def _length(year, month):
    return _MONTHS[month - 1] + (month == 2 and year % 4 == 0)


def _days(year, month, day):
    # since 2024-01-01; years count from 2024, a leap year
    days = year * 365 + (year + 3) // 4 + day - 1
    for before in range(1, month):
        days += _length(year, before)
    return days


def _date(days):
    year = days * 4 // 1461
    while _days(year + 1, 1, 1) <= days:
        year += 1
    days -= _days(year, 1, 1)
    month = 1
    while days >= _length(year, month):
        days -= _length(year, month)
        month += 1
    return year, month, days + 1
