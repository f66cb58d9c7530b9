# What is left of the patient's day over a boot, and what new settings change. Runs every check_*
# and prints its name; an assert ends it.
import struct

from dispenser import clock, codes, wire
from dispenser.panel import Delivery
from dispenser.prompts import Prompts
from dispenser.reader import recent
from dispenser.regimen import Regimen
from dispenser.settings import Settings

DAY = 86400
UTC = [(0, 1440)]
MORNING = (1, 1, 127, 480, 60, 0)
EIGHT = 100 * DAY + 480 * 60


def settings(windows=(), questions=(), zone=UTC):
    return Settings((3, 2, 2, 1260, 480, 24, 1, zone, list(windows), list(questions)))


class Journal:
    # records of any size, read as the real one reads them
    def __init__(self, records, first=0):
        self.first = first
        self.records = records
        self.next = first + len(records)

    def read(self, start, size):
        blob, at = b"", start
        while at < self.next and len(blob) + len(self.records[at - self.first]) <= size:
            blob += self.records[at - self.first]
            at += 1
        return (bytes(8), blob, at - start, at) if blob else None


def record(kind, data, time, quality=wire.QUALITY_SYNCED):
    return struct.pack(">LHLHBB", 0, 1, time, quality << 14, kind, len(data)) + data + bytes(8)


def check_recent_records_are_told_with_their_time():
    press = wire.pack(wire.DATA[wire.RESPONSE], 1, 4, 0, 0, 0)
    records = [record(wire.BOOT, bytes(6), 5)] * 70
    records += [record(wire.RESPONSE, press, EIGHT), record(wire.RESPONSE, press, 7, 0)]
    records += [record(wire.RESPONSE, press[:-1], 8), record(99, b"new", 9)]
    records += [record(wire.RESPONSE, press + b"more", EIGHT + 1)] * 2
    told = list(recent(Journal(records, 300)))
    assert told == [
        (wire.RESPONSE, [1, 4, 0, 0, 0], EIGHT),
        (wire.RESPONSE, [1, 4, 0, 0, 0], EIGHT + 1),
        (wire.RESPONSE, [1, 4, 0, 0, 0], EIGHT + 1),
    ]
    assert list(recent(Journal([]))) == []


def check_only_the_newest_are_read():
    data = wire.pack(wire.DATA[wire.LID_OPENED], 1)
    assert len(list(recent(Journal([record(wire.LID_OPENED, data, EIGHT)] * 500)))) == 64


def check_a_window_taken_before_the_boot_is_not_asked_for():
    told = []
    regimen = Regimen(settings([MORNING]), lambda *values: told.append(values))
    taken = [3, 1, 1, codes.RELATION_IN_WINDOW]
    regimen.recall(wire.DOSE, taken, EIGHT + 60)
    regimen.step(EIGHT + 120, True)
    assert not told and not regimen.lit
    assert regimen.access(1, EIGHT + 180) == (1, codes.RELATION_EXCESS)
    regimen.step(EIGHT + DAY, True)
    assert regimen.lit == 1, "the next day it is"


def check_new_settings_keep_what_is_known():
    told = []
    regimen = Regimen(settings([MORNING]), lambda *values: told.append(values[:2]))
    regimen.step(EIGHT, True)
    regimen.use(settings([MORNING, (2, 2, 127, 480, 60, 0)]))
    regimen.step(EIGHT + 1, True)
    light = codes.REMINDER_LIGHT
    assert told == [(wire.REMINDER, (1, light)), (wire.REMINDER, (2, light))]


def check_new_settings_put_out_a_question():
    told, now = [], [1000, 0]
    parts = (lambda tick=None: tuple(now), lambda: 77, lambda *values: told.append(values[:2]))
    asked = settings(questions=[(2, codes.TRIGGER_SET_TIME, 127, 480, 30)])
    prompts = Prompts(asked, *parts)
    prompts.step(EIGHT, True)
    assert prompts.question() == 2
    prompts.use(settings())
    assert prompts.question() == 0
    assert told == [
        (wire.PROMPT_SHOWN, (2, 77, codes.TRIGGER_SET_TIME)),
        (wire.PROMPT_EXPIRED, (2, 77, codes.EXPIRY_SETTINGS)),
    ]


def check_a_press_faster_than_any_hand_answers_nothing():
    told, now = [], [1000, 0]
    parts = (lambda tick=None: tuple(now), lambda: 77, lambda *values: told.append(values[1]))
    prompts = Prompts(settings(questions=[(2, codes.TRIGGER_SET_TIME, 127, 480, 30)]), *parts)
    prompts.step(EIGHT, True)
    now[1] = 299
    assert prompts.press(0, 4)
    assert told[1:] == [(4, 0, 0, 0)] and prompts.question() == 2


def check_set_times_do_not_come_twice_a_day():
    told, now = [], [1000, 0]
    parts = (lambda tick=None: tuple(now), lambda: 77, lambda *values: told.append(values[0]))
    entry = (2, codes.TRIGGER_SET_TIME, 127, 480, 30)
    prompts = Prompts(settings(questions=[entry]), *parts)
    prompts.recall(wire.PROMPT_SHOWN, [3, 2, 50, codes.TRIGGER_SET_TIME], EIGHT)
    prompts.recall(wire.RESPONSE, [3, 4, 2, 50, 0], EIGHT + 9)
    prompts.step(EIGHT + 60, True)
    assert told == []
    prompts.step(EIGHT + DAY, True)
    assert told == [wire.PROMPT_SHOWN]


def check_local_time_and_back():
    berlin = [(0, 1500), (70934400, 1560), (89078400, 1500)]
    for moment in list(range(70934400 - 7200, 70934400 + 7200, 600)) + [0, 100 * DAY]:
        day, minute = clock.local(berlin, moment)
        assert clock.utc(berlin, day, minute) == moment - moment % 60
    assert clock.local([], 5) is None
    day, minute = clock.local(berlin, 89078400 + 600)
    assert clock.utc(berlin, day, minute) == 89078400 - 3600 + 600, "the first of two"


def check_delivery():
    now = [0, 0]
    delivery = Delivery(lambda: tuple(now))
    assert not delivery.step(0, 10) and not delivery.overdue(1)
    now[0] = 3600
    assert delivery.overdue(1)
    delivery.answered(9)
    assert not delivery.step(9, 10) and not delivery.overdue(1), "something got through"
    now[0] = 7200
    assert delivery.overdue(1)
    assert delivery.step(10, 10) and not delivery.step(10, 10), "told once"
    now[0] = 90000
    assert not delivery.overdue(1), "there is nothing to deliver"
    assert not delivery.step(10, 11) and not delivery.overdue(1)
    now[0] = 93600
    assert delivery.overdue(1)
    delivery.step(3, 11)
    assert delivery.overdue(1), "a watermark that goes back delivers nothing"


for name in sorted(globals()):
    if name.startswith("check_"):
        globals()[name]()
        print(name)
