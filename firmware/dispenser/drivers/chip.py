# The microcontroller itself: bus, identity, cause of the reset.
from os import urandom

import machine
from machine import I2C, Pin

from dispenser import pins


def bus():
    return I2C(pins.I2C_ID, sda=Pin(pins.I2C_SDA), scl=Pin(pins.I2C_SCL), freq=pins.I2C_FREQ)


def reset_cause():
    return machine.reset_cause()


def unique_id():
    return machine.unique_id()


def nonce():
    return int.from_bytes(urandom(4), "big")
