# Clock, RTC and timekeeper. Runs every check_* and prints its name; an assert ends it.
import asyncio

from dispenser import wire
from dispenser.clock import Clock
from dispenser.drivers.rtc import Ds3231
from dispenser.clock import Timekeeper
from mp_ticks import PERIOD, Ticks


# ---- clock --------------------------------------------------------------------------------------


def check_uptime_runs_on_through_wraps():
    ticks = Ticks(PERIOD - 5000)
    clock = Clock(ticks)
    start = ticks.ms
    for day in range(1, 60):
        ticks.ms = start + day * 86400000 + day
        assert clock.uptime() == (day * 86400 + day // 1000, day % 1000), day


def check_a_tick_before_the_wrap_is_placed_before_it():
    ticks = Ticks(PERIOD - 5000)
    clock = Clock(ticks)
    ticks.ms += 4990
    before = clock.ticks()
    ticks.ms += 1234
    assert clock.uptime() == (6, 224)
    assert clock.uptime(before) == (4, 990)
    clock.set(clock.pump(), 1000, 0, wire.QUALITY_SYNCED)
    assert clock.time(before) == (998, 766)


def check_nothing_is_before_the_boot():
    ticks = Ticks(7000)
    clock = Clock(ticks)
    assert clock.uptime(6500) == (0, 0)


def check_stamp():
    ticks = Ticks()
    clock = Clock(ticks)
    ticks.ms = 1999
    assert clock.stamp(1999, wire.MODE_TECHNICIAN) == (1, 2 << 12 | 999)
    clock.set(1999, 90000000, 7, wire.QUALITY_SYNCED)
    assert clock.stamp(1998, wire.MODE_PATIENT) == (90000000, 2 << 14 | 6)
    assert clock.stamp(1989, wire.MODE_PATIENT) == (89999999, 2 << 14 | 997)


def check_time_set_when_quality_changes_or_the_step_is_large():
    ticks = Ticks()
    clock = Clock(ticks)
    ticks.ms = 5250
    assert clock.sync(90000000, 400) == (5, 250, 5, 250, wire.QUALITY_UPTIME, 90000000, 400)
    assert clock.sync(90000000, 600) is None
    assert clock.sync(90000000, 399) == (5, 250, 90000000, 600, 2, 90000000, 399)
    assert clock.sync(90000001, 401)[5:] == (90000001, 401)
    assert clock.sync(89999000, 0)[5:] == (89999000, 0)
    clock.set(5250, 90000000, 0, wire.QUALITY_RTC)
    assert clock.sync(90000000, 0) is not None


# ---- RTC ----------------------------------------------------------------------------------------


class Bus:
    def __init__(self):
        self.registers = bytearray(19)
        self.broken = False

    def readfrom_mem(self, address, register, count):
        if self.broken:
            raise OSError(5)
        return bytes(self.registers[register : register + count])

    def writeto_mem(self, address, register, data):
        if self.broken:
            raise OSError(5)
        self.registers[register : register + len(data)] = data


# (seconds since 2024-01-01, registers 0 to 6), worked out with date(1)
DATES = (
    (0, "00000001010124"),
    (5183999, "59592304290224"),
    (5184000, "00000005010324"),
    (91332849, "09140201231126"),
    (2398377599, "59592304311299"),
)


def check_rtc_dates():
    for seconds, text in DATES:
        bus = Bus()
        rtc = Ds3231(bus, 0x68)
        rtc.set(seconds)
        assert rtc.read() == seconds, seconds
        held = bus.registers[:7]
        expected = bytes(int(text[n : n + 2], 16) for n in range(0, 14, 2))
        assert held[:3] == expected[:3] and held[4:] == expected[4:], (seconds, bytes(held))


def check_rtc_every_day_once():
    rtc = Ds3231(Bus(), 0x68)
    for day in range(0, 27758, 7):
        rtc.set(day * 86400 + 86399)
        assert rtc.read() == day * 86400 + 86399, day


def check_rtc_that_stood_still_tells_nothing():
    bus = Bus()
    rtc = Ds3231(bus, 0x68)
    rtc.set(1000)
    bus.registers[0x0F] |= 0x80
    assert rtc.read() is None
    rtc.set(1000)
    assert rtc.read() == 1000 and bus.registers[0x0F] == 0
    bus.registers[5] = 0
    assert rtc.read() is None


def check_rtc_count():
    bus = Bus()
    rtc = Ds3231(bus, 0x68)
    assert rtc.count() == 0
    for count in (1, 255, 256, 65535):
        rtc.keep(count)
        assert rtc.count() == count
    bus.registers[8] ^= 1
    assert rtc.count() == 0


class TickingRtc:
    # ticks `phase` ms after each full second of the world's clock
    def __init__(self, ticks, phase):
        self.ticks = ticks
        self.phase = phase
        self.offset = 90000000
        self.sets = []
        self.broken = False

    def read(self):
        if self.broken:
            raise OSError(5)
        return self.offset + (self.ticks.ms - self.phase) // 1000

    def set(self, seconds):
        self.sets.append((self.ticks.ms, seconds))


class Due:
    # asyncio.Event whose second wait ends the task
    def __init__(self):
        self.waits = 0

    def set(self):
        pass

    def clear(self):
        pass

    async def wait(self):
        self.waits += 1
        if self.waits > 1:
            raise EOFError


def keep(ticks, rtc, quality):
    clock = Clock(ticks)

    async def sleep_ms(ms):
        ticks.ms += ms

    keeper = Timekeeper(clock, rtc, Due(), sleep_ms)
    keeper.start()
    assert clock.quality == quality
    first = clock.time()
    try:
        asyncio.run(keeper.run())
    except EOFError:
        pass
    return clock, first


def check_rtc_gives_the_time_and_then_its_fraction():
    for phase in (1, 333, 700, 999):
        ticks = Ticks()
        clock, first = keep(ticks, TickingRtc(ticks, phase), wire.QUALITY_RTC)
        s, ms = clock.time()
        true = 90000000 * 1000 + ticks.ms - phase
        assert abs(s * 1000 + ms - true) <= 20, phase
        assert abs(first[0] * 1000 + first[1] - (90000000 * 1000 - phase)) <= 500, phase


def check_rtc_is_set_with_the_second():
    ticks = Ticks()
    rtc = TickingRtc(ticks, 0)
    rtc.broken = True
    clock = Clock(ticks)

    async def sleep_ms(ms):
        ticks.ms += ms

    keeper = Timekeeper(clock, rtc, Due(), sleep_ms)
    keeper.start()
    assert clock.quality == wire.QUALITY_UPTIME and keeper.faults == 1
    ticks.ms = 4321
    assert keeper.sync(91000000, 250) is not None
    try:
        asyncio.run(keeper.run())
    except EOFError:
        pass
    assert rtc.sets == [(4321 + 750, 91000001)]


for name in sorted(globals()):
    if name.startswith("check_"):
        globals()[name]()
        print(name)
