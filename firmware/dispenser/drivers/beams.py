# The IR break-beams of the compartments, dark unless their emitters are supplied. With the lid
# open they are pulsed by the PWM, which goes on while flash is written; a capacitor at each beam
# holds its level from pulse to pulse, so that a break is an edge (figures: docs/behaviour.md).
from time import sleep_ms, ticks_ms

from machine import PWM, Pin
from micropython import const

from dispenser import pins
from dispenser.drivers.latch import latch


def latches(flag):
    return [latch(Pin, wiring, flag, ticks_ms) for wiring in pins.BEAMS]


_HZ = const(8000)
_DUTY = (0, 16384, 65535)  # of 65536: dark, a quarter, all the time
_STEADY = const(2)
_SETTLE_MS = const(2)


def supply():
    # function that switches the emitters: 0 dark, 1 pulsed, 2 steady
    pwm = PWM(Pin(pins.IR_SUPPLY), freq=_HZ, duty_u16=0)

    def switch(level):
        pwm.duty_u16(_DUTY[int(level)])

    return switch


def probe(supply, latches):
    # function that lights the beams for a moment and gives the broken ones as bits of STATE
    def pulse():
        supply(_STEADY)
        sleep_ms(_SETTLE_MS)
        mask = 0
        for index, beam in enumerate(latches):
            mask |= beam.active() << index + 1
        supply(0)
        return mask

    return pulse
