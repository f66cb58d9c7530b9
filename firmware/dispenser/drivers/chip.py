# The microcontroller itself: bus, identity, resets and what is kept over them. Scratch registers
# of the RP2040's watchdog (data sheet 4.7.6) outlive a reset, but no power loss.
from os import urandom

import machine
from machine import I2C, Pin, mem32
from micropython import const

from dispenser import pins

_TRIES = const(0x4005800C)  # SCRATCH0: starts that came to nothing, counted by main.py
_FAULT = const(0x40058010)  # SCRATCH1: what is to be said of a reset that nobody asked for


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
