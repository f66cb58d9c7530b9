# What feeds the dispenser: the Pico's VBUS sense, and the cells behind a divider.
from machine import ADC, Pin
from micropython import const

from dispenser import pins

_FULL_MV = const(3300)


class Power:
    def __init__(self):
        self._vbus = Pin(pins.VBUS_SENSE, Pin.IN)
        self._adc = ADC(pins.BATTERY)

    def usb(self):
        return bool(self._vbus.value())

    def battery(self):
        # mV
        return self._adc.read_u16() * _FULL_MV // 65535 * pins.BATTERY_DIVIDER
