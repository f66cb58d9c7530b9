# module `machine` as on the RP2040
# ruff: noqa: F401 - its names are the module
import bus
import clock
from i2c import I2C, SoftI2C
from pins import ADC, PWM, Pin, bitstream
from timers import Timer
from umachine import Signal
from watchdog import WDT, mem32, reset, reset_cause

PWRON_RESET = 1
WDT_RESET = 3

_id = b""
_freq = 125000000


def start(id):
    global _id
    _id = id


def unique_id():
    return _id


def freq(*value):
    global _freq
    if not value:
        return _freq
    _freq = value[0]


def soft_reset():
    raise SystemExit


def idle():
    bus.wait(1)


def disable_irq():
    was = bus.masked
    bus.masked = True
    return was


def enable_irq(state):
    bus.masked = state
    bus.run_latched()


def lightsleep(ms=None):
    while ms is None:
        clock.sleep_ms(1000)
    clock.sleep_ms(ms)


def deepsleep(ms=None):
    lightsleep(ms)
    reset()


class RTC:
    def __init__(self, id=0):
        pass

    def datetime(self, *moment):
        if not moment:
            year, month, day, hour, minute, second, weekday, _ = clock.gmtime()
            return (year, month, day, weekday, hour, minute, second, 0)
        year, month, day, _, hour, minute, second, _ = moment[0]
        clock.set_time(clock.mktime((year, month, day, hour, minute, second, 0, 0)))
