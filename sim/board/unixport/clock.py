# module `time` as on rp2: 30-bit ticks, whole seconds since 1970, sleeps that take interrupts
import bus
import control
import utime
from micropython import const

_MASK = const((1 << 30) - 1)
_HALF = const(1 << 29)
_offset = 0  # ns since 1970 when the monotonic clock shows 0
_boot_us = 0  # monotonic clock at the last hard reset


def start(boot_us):
    global _boot_us
    _boot_us = boot_us


def _set_offset(ident, value, stamp):
    global _offset
    _offset = stamp


bus.handlers[control.CLOCK] = _set_offset


def set_time(seconds):
    # the hardware RTC starts the given second now; the supervisor keeps it over soft resets
    global _offset
    _offset = seconds * 1000000000 - utime.ticks_us() * 1000
    bus.send_raw(control.pack(control.CLOCK, 0, 0, _offset))


def time_ns():
    return utime.ticks_us() * 1000 + _offset


def time():
    return time_ns() // 1000000000


def gmtime(seconds=None):
    return utime.gmtime(time() if seconds is None else seconds)[:8]


localtime = gmtime


def mktime(moment):
    return int(utime.mktime(tuple(moment[:8])))


def ticks_ms():
    return (utime.ticks_us() - _boot_us) // 1000 & _MASK


def ticks_us():
    return utime.ticks_us() - _boot_us & _MASK


ticks_cpu = ticks_us


def checked(delta):
    if not -_HALF < delta < _HALF:
        raise OverflowError("ticks interval overflow")
    return delta


def ticks_add(ticks, delta):
    return ticks + checked(delta) & _MASK


def ticks_diff(later, earlier):
    return (later - earlier + _HALF & _MASK) - _HALF


def sleep_us(us):
    end = utime.ticks_us() + us
    while True:
        bus.pump()
        left = end - utime.ticks_us()
        if left <= 0:
            return
        if left >= 1000:
            bus.wait(left // 1000)
        else:
            utime.sleep_us(left)


def sleep_ms(ms):
    sleep_us(ms * 1000)


def sleep(seconds):
    sleep_us(int(seconds * 1000000))
