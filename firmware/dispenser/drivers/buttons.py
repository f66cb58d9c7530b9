# The response buttons and the service button.
from time import ticks_ms

from machine import Pin

from dispenser import pins
from dispenser.drivers.latch import latch


def latches(flag):
    return [latch(Pin, wiring, flag, ticks_ms) for wiring in pins.BUTTONS + (pins.SERVICE,)]
