# The lid's reed switch.
from time import ticks_ms

from machine import Pin

from dispenser import pins
from dispenser.drivers.latch import Latch


def latch(flag):
    number, active, pull_up, _ = pins.LID
    return Latch(Pin(number, Pin.IN, Pin.PULL_UP if pull_up else None), active, flag, ticks_ms)
