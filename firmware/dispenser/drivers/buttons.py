# The response buttons and the service button.
from time import ticks_ms

from machine import Pin

from dispenser import pins
from dispenser.drivers.latch import Latch


def latches(flag):
    return [
        Latch(Pin(number, Pin.IN, Pin.PULL_UP if pull_up else None), active, flag, ticks_ms)
        for number, active, pull_up, _ in pins.BUTTONS + (pins.SERVICE,)
    ]
