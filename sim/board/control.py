"""Control channel between supervisor and emulated board: the one definition, for both sides.

A pipe each way. A message is a header of 16 bytes (little endian: kind u8, ident u8, payload
length u16, value i32, stamp i64) and its payload. It is at most PIPE_BUF long, hence written and
read whole. Runs under CPython and inside MicroPython, so it imports nothing but struct.
"""

import struct

HEADER = "<BBHiq"
SIZE = 16

# Supervisor to board.
WIRE = 1  # ident: input pin; value: active level | (pin of the light source + 1) << 8
INPUT = 2  # ident: input pin; value: 1 = active
ANALOG = 3  # ident: pin; value: 16-bit reading
BUS = 4  # ident: I2C bus; value: sda | scl << 8
CHIP = 5  # ident: I2C address; value: which chip (CHIP_...)
PRESENT = 6  # ident: I2C address; value: 1 = answers
CUT = 7  # value: n-th operation from now; stamp: bytes of it that are still programmed; echoed
OUTPUT = 8  # ident: pin, value: level an output has kept over a soft reset
# Both ways.
CLOCK = 16  # stamp: ns since 1970 that machine.RTC shows when the monotonic clock shows 0
SCRATCH = 17  # ident: watchdog scratch register; value: 32 bits, signed
WATCHDOG = 18  # value: timeout in us, 0 = stopped; to the supervisor: started or stopped
# Board to supervisor; stamp: ns since 1970, of the board's world.
READY = 32  # boot.py is done: USB comes up
RESET = 33  # ident: RESET_...
FEED = 34  # value: timeout in us
LEVEL = 35  # ident: pin, value: level
PWM = 36  # ident: pin, value: duty of 65535; payload: frequency in Hz, u32
PIXELS = 37  # ident: pin; payload: bytes as sent
OPERATION = 38  # ident: OP_..., value: block or page, stamp: bytes
CUT_DONE = 39  # power is gone, inside operation `value`
HEAP = 40  # value: peak of allocated bytes so far
IDLE = 41  # virtual time only; ident: IDLE_..., payload: i64, until then (us of the world)
STARVED = 42  # virtual time only: the watchdog bites

QUIET = (OPERATION, HEAP)  # nobody outside acts on these,
OUTPUTS = (LEVEL, PWM, PIXELS)  # nor on these if nobody watches the outputs
IDLE_WAITS = 0
IDLE_PRINTS = 1  # for room in its terminal

RESET_HARD = 0
RESET_SOFT = 1

OP_PROGRAM = 0
OP_ERASE = 1
OP_EEPROM = 2

CHIP_DS3231 = 1
CHIP_AT24C32 = 2

# Virtual time: a page shared by both sides, int64 each, in us since the world began.
PAGE_SIZE = 4096
NOW_AT = 0
STARVES_AT = 8  # when the watchdog bites, NEVER = it does not run
BOUND_AT = 16  # the launcher's own: where asking for the ticks is no longer enough
TURN_AT = 24  # changes whenever something may have come that was not there before
FREE_AT = 32  # before, time may be moved by whoever waits; 0 = not at all
HEARD_AT = 40  # 0 = PWM and PIXELS are not even sent
BOOT_AT = 48  # the last hard reset: from there milliseconds are counted
NEVER = 1 << 60
# What the supervisor grants, in us: it is `now`; nothing else happens before `horizon`; before
# `free` the board need not ask.
GRANT = "<qqq"
GRANT_SIZE = 24

# Why the board boots, as the RP2040's watchdog REASON register has it (datasheet 4.7.6).
REASON_POWER = 0
REASON_TIMER = 1
REASON_FORCED = 2

# rtc.bin: what the coin cell keeps. ns to add to the host's clock for ns since 2000-01-01;
# registers 0x07-0x12 as they are; 1 = 12-hour mode; to add to days since 2000 for the weekday.
RTC_OFFSET = "<q"
RTC_REGISTERS_AT = 8
RTC_HOUR12_AT = 20
RTC_WEEKDAY_AT = 21
RTC_SIZE = 22
RTC_FIRST_REGISTER = 0x07
RTC_STATUS_REGISTER = 0x0F
RTC_STATUS_AT = RTC_REGISTERS_AT + RTC_STATUS_REGISTER - RTC_FIRST_REGISTER
RTC_OSF = 0x80


def pack(kind: int, ident: int = 0, value: int = 0, stamp: int = 0, payload: bytes = b"") -> bytes:
    """One message in bytes."""
    return struct.pack(HEADER, kind, ident, len(payload), value, stamp) + payload
