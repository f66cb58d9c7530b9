# Small parts by themselves. Runs every check_* and prints its name; an assert ends it.
import sys

from dispenser import wire
from dispenser.clock import Clock
from dispenser.drivers.latch import Latch
from dispenser.keystore import KeyStore
from dispenser.recorder import Limiter
from dispenser.recorder import Recorder
from mp_ticks import Ticks
from mp_worlds import CELLS, Eeprom, Power, PowerCut

HOUR = 3600


# ---- key store ----------------------------------------------------------------------------------


def key(index):
    return bytes([index]) * 32


def check_keystore_through_a_cut_at_each_page():
    for cut in range(9):
        cells = bytearray(b"\xff" * CELLS)
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
            cells = bytearray(b"\xff" * CELLS)
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
    assert KeyStore(Eeprom(bytearray(b"\xff" * CELLS), Power())).load() is None
    assert KeyStore(Eeprom(bytearray(128), Power())).load() is None
    cells = bytearray(b"\xff" * CELLS)
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


def check_a_crash_loop_keeps_each_fault_once_with_its_newest_value():
    log = Log(quiet=3)
    recorder, _ = make_recorder(log, Ticks())
    for fault in ((7, 255, 11), (4, 255, 20), (7, 255, 12), (1, 5, 0), (1, 6, 0)):
        recorder.housekeeping(wire.FAULT, fault)
    recorder.housekeeping(wire.TAMPER, (1, 5))
    recorder.housekeeping(wire.TAMPER, (2, 255))
    recorder.announce()
    faults = [values for kind, values in log.kinds if kind == wire.FAULT]
    assert faults == [[4, 255, 20], [7, 255, 12], [1, 5, 0], [1, 6, 0]]
    assert [values for kind, values in log.kinds if kind == wire.TAMPER] == [[1, 5], [2, 255]]


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
        recorder.housekeeping(wire.MAINTENANCE, (n, 0))
        recorder.patient(wire.LID_OPENED, (0,), ticks.ms)
    kinds = [kind for kind, _ in log.kinds]
    assert kinds.count(wire.MAINTENANCE) == 60 and kinds.count(wire.LID_OPENED) == 100
    ticks.ms += HOUR * 1000
    recorder.report_suppressed()
    assert log.kinds[-1] == (wire.SUPPRESSED, [wire.MAINTENANCE, 40])
    recorder.housekeeping(wire.MAINTENANCE, (0, 0))
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
