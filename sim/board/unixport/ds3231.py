# DS3231: runs on the host's clock plus an offset in rtc.bin, hence on through power cuts.
# Register numbers and bits: Maxim DS3231 datasheet, figure 1.
import struct

import control
import utime

_REGISTERS = 0x13
_EPOCH = 946684800  # 2000-01-01
_DAY = 86400
_SECOND = 1000000000


def _bcd(value):
    return value // 10 << 4 | value % 10


def _binary(value):
    return (value >> 4) * 10 + (value & 15)


class Ds3231:
    def __init__(self, path):
        self._file = open(path, "r+b")
        self._pointer = 0
        self.present = True

    def answers(self):
        return self.present

    def read(self, count):
        # the time registers are latched at the start of a read: one consistent moment
        registers = self._registers()
        data = bytes(registers[(self._pointer + n) % _REGISTERS] for n in range(count))
        self._pointer = (self._pointer + count) % _REGISTERS
        return data

    def write(self, data):
        if not data:
            return
        self._pointer = data[0] % _REGISTERS
        registers = self._registers()
        touched = set()
        for byte in data[1:]:
            touched.add(self._pointer)
            self._store(registers, self._pointer, byte)
            self._pointer = (self._pointer + 1) % _REGISTERS
        if touched & {0, 1, 2, 3, 4, 5, 6}:
            self._set(registers, 0 in touched)
        self._save(control.RTC_REGISTERS_AT, bytes(registers[7:]))

    def _store(self, registers, number, byte):
        if number == control.RTC_STATUS_REGISTER:
            # OSF, A2F and A1F can only be cleared; BSY is read-only
            old = registers[number]
            byte = byte & old & 0x83 | byte & 0x08 | old & 0x04
        if number < 0x11:
            registers[number] = byte

    def _load(self, at, size):
        data = bytearray(size)
        self._file.seek(at)
        self._file.readinto(data)
        return data

    def _save(self, at, data):
        self._file.seek(at)
        self._file.write(data)

    def _now(self):
        return utime.time_ns() + struct.unpack(control.RTC_OFFSET, self._load(0, 8))[0]

    def _registers(self):
        seconds = self._now() // _SECOND
        year, month, day, hour, minute, second = utime.gmtime(_EPOCH + seconds)[:6]
        flags = self._load(control.RTC_HOUR12_AT, 2)
        weekday = (seconds // _DAY + flags[1]) % 7 + 1
        century = 0x80 if year >= 2100 else 0
        moment = [_bcd(second), _bcd(minute), self._hour(hour, flags[0]), weekday]
        moment += [_bcd(day), _bcd(month) | century, _bcd(year % 100)]
        return bytearray(moment) + self._load(control.RTC_REGISTERS_AT, _REGISTERS - 7)

    def _hour(self, hour, hour12):
        if not hour12:
            return _bcd(hour)
        return 0x40 | (0x20 if hour >= 12 else 0) | _bcd((hour + 11) % 12 + 1)

    def _set(self, registers, restart):
        second, minute, hour, weekday, day, month, year = registers[:7]
        hour12 = hour >> 6 & 1
        hours = _binary(hour & 0x3F)
        if hour12:
            hours = _binary(hour & 0x1F) % 12 + (12 if hour & 0x20 else 0)
        years = 2000 + _binary(year) + (100 if month & 0x80 else 0)
        date = (years, _binary(month & 0x1F), _binary(day), hours, _binary(minute))
        seconds = int(utime.mktime(date + (_binary(second & 0x7F), 0, 0))) - _EPOCH
        # writing the seconds restarts the countdown chain, otherwise the fraction runs on
        fraction = 0 if restart else self._now() % _SECOND
        offset = seconds * _SECOND + fraction - utime.time_ns()
        self._save(0, struct.pack(control.RTC_OFFSET, offset))
        self._save(
            control.RTC_HOUR12_AT, bytes((hour12, ((weekday & 7) - 1 - seconds // _DAY) % 7))
        )
