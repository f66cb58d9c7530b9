# The lid's reed switch.
from time import ticks_ms

from machine import Pin

from dispenser import pins
from dispenser.drivers.latch import latch as latched


def latch(flag):
    return latched(Pin, pins.LID, flag, ticks_ms)
