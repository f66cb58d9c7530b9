# The microcontroller itself: bus, identity, resets and what is kept over them. Scratch registers
# of the watchdog outlive a reset, but no power loss.
from os import urandom

import machine
from machine import I2C, Pin, mem32

from dispenser import pins

_TRIES = pins.SCRATCH0  # starts that came to nothing, counted by main.py
_FAULT = pins.SCRATCH1  # what is to be said of a reset that nobody asked for


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
