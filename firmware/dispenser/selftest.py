# Whether the parts that every record needs do their work: at the prompt selftest.run(). And what
# upkeep looks at: power, temperature, this self-test, the chip's memory of its starts.
import gc
import os

from micropython import const

from dispenser import codes, pins, selftest
from dispenser.drivers import chip
from dispenser.drivers.chip import Power
from dispenser.drivers.eeprom import At24c32
from dispenser.drivers.rtc import Ds3231
from dispenser.keystore import KeyStore

_FILE = "/selftest"
_PATTERN = bytes(range(256)) * 2
_FREE = const(40000)  # bytes of heap


def run(i2c=None):
    # codes of the faults found
    i2c = i2c or chip.bus()
    checks = (
        (codes.FAULT_KEY_STORE, lambda: KeyStore(At24c32(i2c, pins.AT24C32)).load()),
        (codes.FAULT_CLOCK, lambda: Ds3231(i2c, pins.DS3231).read() is not None),
        (codes.FAULT_FLASH, _flash),
        (codes.FAULT_MEMORY, _memory),
    )
    return [code for code, check in checks if not _passes(check)]


def _passes(check):
    try:
        return bool(check())
    except OSError:
        return False


def _flash():
    with open(_FILE, "wb") as file:
        file.write(_PATTERN)
    with open(_FILE, "rb") as file:
        same = file.read() == _PATTERN
    os.remove(_FILE)
    return same


def _memory():
    gc.collect()
    return gc.mem_free() >= _FREE


class World:
    def __init__(self, rtc):
        power = Power()
        self.usb = power.usb
        self.battery = power.battery
        self.temperature = rtc.temperature
        self.test = selftest.run
        self.went_well = chip.went_well
