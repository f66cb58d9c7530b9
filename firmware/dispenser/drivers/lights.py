# The WS2812 chain.
from machine import Pin
from neopixel import NeoPixel

from dispenser import pins
from dispenser.patterns import LIGHTS


class Lights:
    def __init__(self):
        self._chain = NeoPixel(Pin(pins.LIGHTS, Pin.OUT), LIGHTS)

    def show(self, pixels):
        # red, green, blue of each light; the chain wants green first
        buf = self._chain.buf
        for at in range(0, 3 * LIGHTS, 3):
            buf[at] = pixels[at + 1]
            buf[at + 1] = pixels[at]
            buf[at + 2] = pixels[at + 2]
        self._chain.write()
