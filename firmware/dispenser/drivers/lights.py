# The WS2812 chain.
from machine import Pin
from neopixel import NeoPixel

from dispenser import pins
from dispenser.patterns import LIGHTS


class Lights:
    def __init__(self):
        self._chain = NeoPixel(Pin(pins.LIGHTS, Pin.OUT), LIGHTS)

    def show(self, pixels):
        # red, green, blue of each light
        for light in range(LIGHTS):
            self._chain[light] = tuple(pixels[3 * light : 3 * light + 3])
        self._chain.write()
