# What upkeep looks at: power, temperature, the self-test, and the chip's memory of its starts.
from dispenser import selftest
from dispenser.drivers import chip
from dispenser.drivers.power import Power


class World:
    def __init__(self, rtc):
        power = Power()
        self.usb = power.usb
        self.battery = power.battery
        self.temperature = rtc.temperature
        self.test = selftest.run
        self.went_well = chip.went_well
