# The microcontroller itself: bus, identity, resets and what is kept over them (scratch registers
# of the watchdog outlive a reset, but no power loss), its watchdog, and what feeds it: the Pico's
# VBUS sense, and the cells behind a divider.
from os import urandom

import machine
from machine import ADC, I2C, WDT, Pin, mem32
from micropython import const

from dispenser import pins

_TRIES = pins.SCRATCH0  # starts that came to nothing, counted by main.py
_FAULT = pins.SCRATCH1  # what is to be said of a reset that nobody asked for
_FULL_MV = const(3300)
_TIMEOUT_MS = const(6500)  # with two seconds between looks, a hang ends within nine


def bus():
    return I2C(pins.I2C_ID, sda=Pin(pins.I2C_SDA), scl=Pin(pins.I2C_SCL), freq=pins.I2C_FREQ)


def reset():
    machine.reset()


def reset_cause():
    return machine.reset_cause()


def unique_id():
    return machine.unique_id()


def nonce():
    return int.from_bytes(urandom(4), "big")


def fault():
    return mem32[_FAULT] & 0xFFFFFFFF


def keep_fault(value):
    mem32[_FAULT] = value


def went_well():
    # this start came to something
    mem32[_TRIES] = 0


class Power:
    def __init__(self):
        self._vbus = Pin(pins.VBUS_SENSE, Pin.IN)
        self._adc = ADC(pins.BATTERY)

    def usb(self):
        return bool(self._vbus.value())

    def battery(self):
        # mV
        return self._adc.read_u16() * _FULL_MV // 65535 * pins.BATTERY_DIVIDER


class Watchdog:
    def __init__(self):
        self.feed = WDT(timeout=_TIMEOUT_MS).feed
