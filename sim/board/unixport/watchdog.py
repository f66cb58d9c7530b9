# Watchdog, reset and the registers of the watchdog block (RP2040 datasheet, 4.7.6). Who moves the
# time keeps its time, so that a hung board cannot save itself: the supervisor, or in virtual time
# the launcher, which reads from memory when it bites.
import bus
import control
import utime

_BASE = 0x40058000
_LOAD = _BASE + 4
_REASON = _BASE + 8
_SCRATCH = _BASE + 0x0C
_ENABLE = 1 << 30
_TRIGGER = 1 << 31
_MAX_MS = 8388

_timeout = 0  # us, 0 = stopped
_fed = 0
_reason = control.REASON_POWER
_scratch = [0] * 8


def start(reason):
    global _reason
    _reason = reason


def _running(ident, value, stamp):
    global _timeout, _fed
    _timeout = value
    _fed = stamp


def _kept(ident, value, stamp):
    _scratch[ident] = value & 0xFFFFFFFF


bus.handlers[control.WATCHDOG] = _running
bus.handlers[control.SCRATCH] = _kept


def _run(timeout_us):
    global _timeout
    _timeout = timeout_us
    _feed(timeout_us)
    bus.send(control.WATCHDOG, 0, timeout_us)
    if bus.page and not timeout_us:
        bus.page.starves = control.NEVER


def _feed(timeout_us):
    global _timeout, _fed
    _fed = utime.ticks_us()
    if _timeout:
        _timeout = timeout_us
        if bus.page:
            bus.page.starves = _fed + timeout_us
        else:
            bus.send(control.FEED, 0, timeout_us)


class WDT:
    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError("WDT(%s) doesn't exist" % id)
        if not 1 <= timeout <= _MAX_MS:
            raise ValueError("timeout exceeds %d" % _MAX_MS)
        self._us = timeout * 1000
        _run(self._us)

    def feed(self):
        _feed(self._us)


def _signed(value):
    return value - (1 << 32) if value & 1 << 31 else value


class _Mem32:
    def __getitem__(self, address):
        if address == _BASE:
            # the counter goes down by two a microsecond (erratum RP2040-E1)
            left = max(_timeout - (utime.ticks_us() - _fed), 0) * 2
            return (_ENABLE if _timeout else 0) | min(left, 0xFFFFFF)
        if address == _REASON:
            return _reason
        return _scratch[_index(address)]

    def __setitem__(self, address, value):
        value &= 0xFFFFFFFF
        if address == _BASE:
            self._control(value)
        elif address == _LOAD:
            _feed((value & 0xFFFFFF) // 2)
        else:
            number = _index(address)
            _scratch[number] = value
            bus.send(control.SCRATCH, number, _signed(value))

    def _control(self, value):
        if value & _TRIGGER:
            reset()
        if value & _ENABLE and not _timeout:
            _run(0xFFFFFF // 2)
        elif not value & _ENABLE and _timeout:
            _run(0)


def _index(address):
    number, rest = divmod(address - _SCRATCH, 4)
    if rest or not 0 <= number < len(_scratch):
        raise ValueError("register 0x%08x is not emulated" % address)
    return number


mem32 = _Mem32()


def _request(kind):
    # a Ctrl-C now would not stop the chip either
    bus.halted = True
    while True:
        try:
            bus.send(control.RESET, kind)
            bus.halt()
        except KeyboardInterrupt:
            pass


def reset():
    _request(control.RESET_HARD)


def soft_restart():
    _request(control.RESET_SOFT)


def reset_cause():
    return 1 if _reason == control.REASON_POWER else 3
