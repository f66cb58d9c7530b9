# Small parts by themselves. Runs every check_* and prints its name; an assert ends it.
import asyncio
import sys

from dispenser import wire
from dispenser.clock import Clock
from dispenser.drivers.latch import Latch
from dispenser.drivers.rtc import Ds3231
from dispenser.keystore import KeyStore
from dispenser.limiter import Limiter
from dispenser.recorder import Recorder
from dispenser.timekeeper import Timekeeper
from mp_worlds import Eeprom, Power, PowerCut

PERIOD = 1 << 30
HOUR = 3600


class Ticks:
    # as on the RP2040: wraps at 2**30
    def __init__(self, start=0):
        self.ms = start

    def ticks_ms(self):
        return self.ms % PERIOD

    def ticks_diff(self, a, b):
        return (a - b + PERIOD // 2) % PERIOD - PERIOD // 2


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


# ---- key store ----------------------------------------------------------------------------------


def key(index):
    return bytes([index]) * 32


def check_keystore_through_a_cut_at_each_page():
    for cut in range(9):
        cells = bytearray(b"\xff" * 128)
        KeyStore(Eeprom(cells, Power())).save(5, 1, key(1))
        power = Power(cut)
        try:
            KeyStore(Eeprom(cells, power)).save(5, 2, key(2))
        except PowerCut:
            pass
        found = KeyStore(Eeprom(cells, Power())).load()
        assert found in ((5, 1, key(1)), (5, 2, key(2))), cut
        assert found[1] == 2 or cut < 2, cut
        assert cells[:48] == cells[64:112], "the other slot is not repaired"
        if found[1] == 2:
            assert key(1)[:8] not in bytes(cells), "the old key is still there"


def check_keystore_through_two_cuts():
    for first in range(4):
        for second in range(4):
            cells = bytearray(b"\xff" * 128)
            KeyStore(Eeprom(cells, Power())).save(5, 1, key(1))
            for work in (
                lambda: KeyStore(Eeprom(cells, Power(first))).save(5, 2, key(2)),
                lambda: KeyStore(Eeprom(cells, Power(second))).load(),
            ):
                try:
                    work()
                except PowerCut:
                    pass
            found = KeyStore(Eeprom(cells, Power())).load()
            assert found in ((5, 1, key(1)), (5, 2, key(2))), (first, second)


def check_keystore_empty_or_broken_has_no_key():
    assert KeyStore(Eeprom(bytearray(b"\xff" * 128), Power())).load() is None
    assert KeyStore(Eeprom(bytearray(128), Power())).load() is None
    cells = bytearray(b"\xff" * 128)
    KeyStore(Eeprom(cells, Power())).save(5, 1, key(1))
    for at in range(48):
        hurt = bytearray(cells)
        hurt[at] ^= 4
        hurt[64 + (at + 7) % 48] ^= 4
        assert KeyStore(Eeprom(hurt, Power())).load() is None


# ---- housekeeping -------------------------------------------------------------------------------


def check_limiter():
    limiter = Limiter()
    assert [limiter.allows(3, 100 + n) for n in range(75)] == [True] * 60 + [False] * 15
    assert limiter.allows(6, 200)
    assert limiter.ended(100 + HOUR - 1) == []
    assert limiter.ended(100 + HOUR) == [(3, 15)]
    assert limiter.ended(200 + HOUR) == []
    assert limiter.allows(3, 200 + HOUR)


class Log:
    def __init__(self, boot=4, quiet=0):
        self.boot = boot
        self.quiet = quiet
        self.kinds = []
        self.fail = 0

    def append(self, boot, seconds, stamp, kind, data):
        if self.fail:
            self.fail -= 1
            raise OSError(5)
        assert boot == self.boot + 1
        self.kinds.append((kind, wire.unpack(wire.DATA[kind], data)[0]))


def make_recorder(log, ticks):
    done = []
    reset = (wire.CAUSE_POWER, 2, (0, 1, 9))
    clock = Clock(ticks)
    return Recorder(log, clock, reset, lambda: done.append(1), lambda: None), done


BOOT = (wire.BOOT, [wire.CAUSE_POWER, 2, 0, 1, 9])


def check_boot_comes_with_the_first_record():
    log = Log()
    recorder, announced = make_recorder(log, Ticks())
    assert log.kinds == [] and not announced
    recorder.patient(wire.LID_OPENED, (0,), 0)
    recorder.patient(wire.LID_OPENED, (0,), 0)
    recorder.announce()
    assert log.kinds == [BOOT, (wire.LID_OPENED, [0]), (wire.LID_OPENED, [0])]
    assert announced == [1]


TIME_SET = (5, 250, 5, 250, 0, 90000000, 400, 20, 1)


def check_a_crash_loop_writes_nothing_until_the_patient_comes():
    log = Log(quiet=3)
    recorder, _ = make_recorder(log, Ticks())
    recorder.state((0, 1), 0)
    for _ in range(5):
        recorder.housekeeping(wire.TIME_SET, TIME_SET)
    assert log.kinds == []
    recorder.patient(wire.LID_OPENED, (0,), 0)
    waited = [(wire.STATE, [0, 1]), (wire.TIME_SET, list(TIME_SET))]
    assert log.kinds == [BOOT] + waited + [(wire.LID_OPENED, [0])]
    recorder.housekeeping(wire.TIME_SET, TIME_SET)
    assert log.kinds[-1] == waited[1]


def check_state_is_told_at_once_but_not_in_a_crash_loop():
    log = Log(quiet=2)
    make_recorder(log, Ticks())[0].state((0, 1), 0)
    assert log.kinds == [BOOT, (wire.STATE, [0, 1])]
    log = Log(quiet=3)
    recorder, _ = make_recorder(log, Ticks())
    recorder.state((0, 1), 0)
    assert log.kinds == []
    recorder.patient(wire.LID_OPENED, (0,), 0)
    assert log.kinds == [BOOT, (wire.STATE, [0, 1]), (wire.LID_OPENED, [0])]


def check_housekeeping_is_bounded_and_the_rest_counted():
    log, ticks = Log(), Ticks()
    recorder, _ = make_recorder(log, ticks)
    for n in range(100):
        ticks.ms += 1000
        recorder.housekeeping(wire.MAINTENANCE, (n,))
        recorder.patient(wire.LID_OPENED, (0,), ticks.ms)
    kinds = [kind for kind, _ in log.kinds]
    assert kinds.count(wire.MAINTENANCE) == 60 and kinds.count(wire.LID_OPENED) == 100
    ticks.ms += HOUR * 1000
    recorder.report_suppressed()
    assert log.kinds[-1] == (wire.SUPPRESSED, [wire.MAINTENANCE, 40])
    recorder.housekeeping(wire.MAINTENANCE, (0,))
    assert log.kinds[-1][0] == wire.MAINTENANCE


def check_a_write_that_fails_is_tried_once_more():
    log = Log()
    recorder, _ = make_recorder(log, Ticks())
    recorder.announce()
    log.fail = 1
    recorder.patient(wire.LID_OPENED, (0,), 0)
    assert log.kinds[-1][0] == wire.LID_OPENED
    log.fail = 2
    try:
        recorder.patient(wire.LID_OPENED, (0,), 0)
        raise AssertionError("must fail")
    except OSError:
        pass


# ---- latch --------------------------------------------------------------------------------------


class Pin:
    IRQ_RISING = 8
    IRQ_FALLING = 4

    def __init__(self):
        self.level = 0

    def value(self):
        return self.level

    def irq(self, handler, trigger, hard):
        assert trigger == 12 and hard
        self.handler = handler


class Flag:
    def __init__(self):
        self.state = 0

    def set(self):
        self.state = 1


def check_latch_takes_edges_without_allocating():
    pin, flag = Pin(), Flag()
    now = [0]
    latch = Latch(pin, 1, flag, lambda: now[0])
    handler = pin.handler
    lock()
    for n in range(40):
        now[0] = n
        pin.level = 1 - pin.level
        handler(pin)
    unlock()
    edges = list(latch.edges())
    assert flag.state == 1
    assert edges == [(n, n % 2 == 0) for n in range(15)], "the first edges are kept"
    assert not latch.active() and list(latch.edges()) == []
    handler(pin)
    assert list(latch.edges()) == [(39, False)]


def lock():
    if sys.implementation.name == "micropython":
        import micropython

        micropython.heap_lock()


def unlock():
    if sys.implementation.name == "micropython":
        import micropython

        micropython.heap_unlock()


for name in sorted(globals()):
    if name.startswith("check_"):
        globals()[name]()
        print(name)
