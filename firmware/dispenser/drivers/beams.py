# The IR break-beams of the compartments, dark unless their emitters are supplied.
from time import sleep_ms, ticks_ms

from machine import Pin

from dispenser import pins
from dispenser.drivers.latch import Latch


def latches(flag):
    return [
        Latch(Pin(number, Pin.IN, Pin.PULL_UP if pull_up else None), active, flag, ticks_ms)
        for number, active, pull_up, _ in pins.BEAMS
    ]


def supply():
    # function that switches the emitters
    return Pin(pins.IR_SUPPLY, Pin.OUT, value=0).value


def probe(supply, latches):
    # function that lights the beams for a moment and gives the broken ones as bits of STATE
    def pulse():
        supply(1)
        sleep_ms(1)
        mask = 0
        for index, latch in enumerate(latches):
            mask |= latch.active() << index + 1
        supply(0)
        return mask

    return pulse
