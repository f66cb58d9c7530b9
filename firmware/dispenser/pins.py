# Generated from hardware/boards/pico.toml by hardware/pinmap.py: do not edit.
from micropython import const

BOARD = "pico"

# registers of the watchdog that outlive a reset
SCRATCH0 = const(0x4005800c)
SCRATCH1 = const(0x40058010)

# inputs: pin, level when active, pull-up, debounce in ms
LID = (2, 1, True, 50)
BEAMS = (
    (3, 1, True, 30),
    (4, 1, True, 30),
    (5, 1, True, 30),
    (6, 1, True, 30),
)
BUTTONS = (
    (8, 0, True, 30),
    (9, 0, True, 30),
    (10, 0, True, 30),
    (11, 0, True, 30),
    (12, 0, True, 30),
)
SERVICE = (13, 0, True, 30)

IR_SUPPLY = const(7)
LIGHTS = const(14)
BUZZER = const(15)
BATTERY = const(26)
BATTERY_DIVIDER = const(2)
VBUS_SENSE = const(24)

I2C_ID = const(0)
I2C_SDA = const(16)
I2C_SCL = const(17)
I2C_FREQ = const(400000)
DS3231 = const(0x68)
AT24C32 = const(0x57)
