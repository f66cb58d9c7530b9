"""How the dispenser behaves, as tables: what is done on the left, what must become of it below.

The days are real ones in Berlin, the expected side is written by hand.
"""

import difflib
import json
from typing import Any

import pytest

from tests.firmware import timeline
from tests.firmware.timeline import Case

DAILY, MONDAY = 127, 1
AFTER_DOSE, SET_TIME = 1, 2


def settings(*windows: list[int], questions: Any = (), **other: int) -> list[Any]:
    """Version 7 in Berlin; a window is [number, compartment, days, minute, length, in quiet]."""
    named = {"volume": 2, "reminders": 2, "quiet_start": 1260, "quiet_end": 480}
    named |= {"silence": 24, "sets": 1} | other
    return [7, *named.values(), timeline.zone(), list(windows), list(questions)]


def chatter(minute: str, start: int, end: int, edges: int) -> str:
    """So many edges of the lid within a second, the first one opening it."""
    step = (end - start) / edges
    deeds = ("open", "close")
    return "".join(f"{minute}:{start + n * step:06.3f} {deeds[n % 2]}\n" for n in range(edges))


def _at(second: int) -> str:
    return f"{10 + second // 3600}:{second // 60 % 60:02}:{second % 60:02}"


def flaps(count: int) -> str:
    """The lid moved every second, so often."""
    return "".join(f"{_at(n)} {('open', 'close')[n % 2]}\n" for n in range(count))


def flapped(told: int) -> list[str]:
    """What must become of it: so many moves are told, then the lid is at fault."""
    words = ("lid_opened", "lid_closed reached none")
    return [f"{_at(n)} {words[n % 2]}" for n in range(told)]


MORNING = [1, 1, DAILY, 480, 60, 0]
EVENING = [2, 2, DAILY, 1080, 60, 0]
NIGHT = [3, 3, DAILY, 150, 60, 1]
PLAIN = settings()
MORNINGS = settings(MORNING)
BOTH = settings(MORNING, [4, 4, DAILY, 480, 60, 0])

INPUTS = [
    Case(
        "two breaks of a compartment in one opening are one access, counted",
        "2026-03-02 10:00",
        PLAIN,
        """10:00:00 open
        10:00:02 reach 1
        10:00:05 reach 1
        10:00:10 reach 2
        10:00:20 reach 1
        10:00:30 close""",
        """10:00:00 lid_opened
        10:00:02 dose 1
        10:00:10 dose 2
        10:00:20 dose_end 1 x3
        10:00:10 dose_end 2 x1
        10:00:30 lid_closed reached 12""",
        "10:02:00",
    ),
    Case(
        "a break more than a minute after the last is another access",
        "2026-03-02 10:00",
        PLAIN,
        """10:00:00 open
        10:00:02 reach 1
        10:01:02.3 reach 1
        10:02:05 reach 1
        10:02:10 close""",
        """10:00:00 lid_opened
        10:00:02 dose 1
        10:01:02 dose_end 1 x2
        10:02:05 dose 1
        10:02:05 dose_end 1 x1
        10:02:10 lid_closed reached 1""",
        "10:04:00",
    ),
    Case(
        "the same compartment in the next opening is another access",
        "2026-03-02 10:00",
        PLAIN,
        """10:00:00 open
        10:00:02 reach 1
        10:00:03 close
        10:00:05 open
        10:00:06 reach 1
        10:00:07 close""",
        """10:00:00 lid_opened
        10:00:02 dose 1
        10:00:02 dose_end 1 x1
        10:00:03 lid_closed reached 1
        10:00:05 lid_opened
        10:00:06 dose 1
        10:00:06 dose_end 1 x1
        10:00:07 lid_closed reached 1""",
        "10:04:00",
    ),
    Case(
        "two buttons at once: both are recorded, the second corrects the first",
        "2026-03-02 10:00",
        PLAIN,
        """10:00:00 hold 1
        10:00:00.01 hold 3
        10:00:00.5 release 1
        10:00:00.5 release 3""",
        """10:00:00 response 1
        10:00:00 response 3 corrects""",
        "10:01:00",
    ),
    Case(
        "a button held for a minute is one response",
        "2026-03-02 10:00",
        PLAIN,
        """10:00:00 hold 2
        10:01:00 release 2""",
        "10:00:00 response 2",
        "10:02:00",
    ),
    Case(
        "a button down for five minutes is stuck, and tells nothing until it has let go",
        "2026-03-02 10:00",
        PLAIN,
        """10:00:00 hold 2
        10:06:00 release 2
        10:07:00 press 2""",
        """10:00:00 response 2
        10:05:00 fault stuck 7
        10:07:00 response 2""",
        "10:08:00",
    ),
    Case(
        "a beam broken for ten minutes is stuck, and no access in the next opening",
        "2026-03-02 10:00",
        PLAIN,
        """10:00:00 open
        10:00:02 break 1
        10:11:00 close
        10:20:00 open
        10:20:30 whole 1
        10:20:40 reach 1
        10:20:50 close""",
        """10:00:00 lid_opened
        10:00:02 dose 1
        10:03:00 refill possible pattern 1
        10:10:02 fault stuck 1
        10:11:00 dose_end 1 x1
        10:11:00 lid_closed reached 1
        10:20:00 lid_opened
        10:20:40 dose 1
        10:20:40 dose_end 1 x1
        10:20:50 lid_closed reached 1""",
        "10:22:00",
    ),
    Case(
        "all beams broken from the moment they are lit: their light is gone",
        "2026-03-02 10:00",
        PLAIN,
        """10:00:00 break 1
        10:00:00 break 2
        10:00:00 break 3
        10:00:00 break 4
        10:00:10 open
        10:00:20 close""",
        """10:00:10 fault impossible 255
        10:00:10 lid_opened
        10:00:20 lid_closed reached none""",
        "10:02:00",
    ),
    Case(
        "reached for through a closed lid: seen by the next self-test, told once, then stuck",
        "2026-03-02 10:00",
        PLAIN,
        "10:00:30 test\n10:00:40 break 3\n"
        + "\n".join(f"10:{minute:02}:30 test" for minute in range(1, 15)),
        """10:01:30 tamper beam_without_lid 3
        10:10:30 fault stuck 3""",
        "10:16:00",
    ),
    Case(
        "what was broken when the lid closed, or when power came, is no tampering",
        "2026-03-02 10:00",
        PLAIN,
        """10:00:10 break 2
        10:00:30 test
        10:01:00 open
        10:01:10 break 4
        10:01:30 close
        10:02:30 test
        10:03:30 test""",
        """10:01:00 lid_opened
        10:01:00 dose 2
        10:01:10 dose 4
        10:01:30 dose_end 2 x1
        10:01:30 dose_end 4 x1
        10:01:30 lid_closed reached 24""",
        "10:04:00",
    ),
    Case(
        "plug pulled with the lid open and a hand in it",
        "2026-03-02 10:00",
        PLAIN,
        """10:00:00 open
        10:00:02 break 1
        10:00:03 cut
        10:00:05 whole 1
        10:00:09 close""",
        """10:00:00 lid_opened
        10:00:02 dose 1
        10:00:03 state 0x3
        10:00:05 dose_end 1 x1
        10:00:09 lid_closed reached 1""",
        "10:04:00",
    ),
]

CHATTER = [
    Case(
        "a lid that chatters for a second and stays open: a fault, and opened when it settled",
        "2026-03-02 10:00",
        PLAIN,
        chatter("10:00", 0, 1, 51) + "10:00:30 close",
        """10:00:00 fault chatter 0
        10:00:00 lid_opened
        10:00:30 lid_closed reached none""",
        "10:02:00",
    ),
    Case(
        "a lid that never stops: one fault, and an hour later still nothing else",
        "2026-03-02 10:00",
        PLAIN,
        "\n".join(chatter("10:00", second, second + 1, 50) for second in range(59))
        + "\n10:02:00 press 1",
        """10:00:00 fault chatter 0
        10:02:00 response 1""",
        "10:59:00",
    ),
    Case(
        "a lid that flaps for longer than hands do is taken down until it has been quiet",
        "2026-03-02 10:00",
        PLAIN,
        flaps(660) + "11:30:00 open\n11:30:05 close",
        "\n".join([*flapped(620), "10:10:20 fault chatter 0", "11:30:00 lid_opened"])
        + "\n11:30:05 lid_closed reached none",
        "11:32:00",
    ),
]

RESPONSES = [
    Case(
        "pressed again within two seconds: one response, however often",
        "2026-03-02 10:00",
        PLAIN,
        """10:00:00 press 4
        10:00:01 press 4
        10:00:02.5 press 4
        10:00:04 press 4
        10:00:06.1 press 4""",
        """10:00:00 response 4
        10:00:06 response 4""",
        "10:01:00",
    ),
    Case(
        "another button within ten seconds corrects, after that it does not",
        "2026-03-02 10:00",
        PLAIN,
        """10:00:00 press 4
        10:00:09 press 1
        10:00:30 press 2
        10:00:41 press 3""",
        """10:00:00 response 4
        10:00:09 response 1 corrects
        10:00:30 response 2
        10:00:41 response 3""",
        "10:01:00",
    ),
    Case(
        "a press while there is no question belongs to none",
        "2026-03-02 11:00",
        settings(questions=[[1, SET_TIME, DAILY, 720, 30]]),
        """11:59:59.9 press 2
        12:31:00 press 3""",
        """11:59:59 response 2
        12:00:09 prompt_shown 1 set_time
        12:30:09 prompt_expired 1 timeout
        12:31:00 response 3""",
        "13:00:00",
    ),
    Case(
        "one question at a time; a correction goes to the question it corrects",
        "2026-03-02 11:55",
        settings(questions=[[1, SET_TIME, DAILY, 720, 30], [2, SET_TIME, DAILY, 720, 30]]),
        """12:00:05 press 2
        12:00:08 press 3
        12:00:30 press 0
        12:00:45 press 1""",
        """12:00:00 prompt_shown 1 set_time
        12:00:05 response 2 to question 1
        12:00:08 response 3 to question 1 corrects
        12:00:18 prompt_shown 2 set_time
        12:00:30 response 0 to question 2
        12:00:45 response 1""",
        "13:00:00",
    ),
    Case(
        "after a dose, once a day; it waits while the lid is open",
        "2026-03-02 10:00",
        settings(questions=[[3, AFTER_DOSE, DAILY, 1, 60]]),
        """10:00:00 open
        10:00:02 reach 1
        10:02:00 close
        10:05:00 press 1
        15:00:00 open
        15:00:02 reach 1
        15:00:04 close""",
        """10:00 lid_opened
        10:00 dose 1
        10:00 dose_end 1 x1
        10:02 lid_closed reached 1
        10:02 prompt_shown 3 after_dose
        10:05 response 1 to question 3
        15:00 lid_opened
        15:00 dose 1
        15:00 dose_end 1 x1
        15:00 lid_closed reached 1""",
        "17:00:00",
        coarse=True,
    ),
    Case(
        "a question that was lit when the power went is not answered later, nor asked again",
        "2026-03-02 11:59",
        settings(questions=[[1, SET_TIME, DAILY, 720, 30]]),
        """12:05:00 cut
        12:06:00 press 2""",
        """12:00:00 prompt_shown 1 set_time
        12:05:00 prompt_expired 1 power
        12:06:00 response 2""",
        "13:00:00",
    ),
]

WINDOWS = [
    Case(
        "light, chime, stop; then the window is missed",
        "2026-03-02 07:55",
        MORNINGS,
        "",
        """08:00:00 reminder 1 light
        08:10:00 reminder 1 chime
        08:30:00 reminder 1 stopped
        09:00:00 window_missed 1 compartment 1""",
        "09:30:00",
    ),
    Case(
        "a dose ends the asking; a second one is in excess; later it is out of its window",
        "2026-03-02 07:55",
        MORNINGS,
        """08:05:00 open
        08:05:02 reach 1
        08:05:04 close
        08:20:00 open
        08:20:02 reach 1
        08:20:04 close
        09:20:00 open
        09:20:02 reach 1
        09:20:04 close""",
        """08:00:00 reminder 1 light
        08:05:00 lid_opened
        08:05:02 dose 1 in_window 1
        08:05:02 dose_end 1 x1
        08:05:04 lid_closed reached 1
        08:20:00 lid_opened
        08:20:02 dose 1 excess 1
        08:20:02 dose_end 1 x1
        08:20:04 lid_closed reached 1
        09:20:00 lid_opened
        09:20:02 dose 1 out_of_window
        09:20:02 dose_end 1 x1
        09:20:04 lid_closed reached 1""",
        "10:00:00",
    ),
    Case(
        "the wrong compartment leaves the window open",
        "2026-03-02 07:55",
        MORNINGS,
        """08:05:00 open
        08:05:02 reach 2
        08:05:04 close""",
        """08:00:00 reminder 1 light
        08:05:00 lid_opened
        08:05:02 dose 2 wrong_compartment 1
        08:05:02 dose_end 2 x1
        08:05:04 lid_closed reached 2
        08:10:00 reminder 1 chime
        08:30:00 reminder 1 stopped
        09:00:00 window_missed 1 compartment 1""",
        "10:00:00",
    ),
    Case(
        "two compartments due at once are two windows",
        "2026-03-02 08:25",
        BOTH,
        """08:26:00 open
        08:26:02 reach 4
        08:26:04 close""",
        """08:25:00 reminder 1 light
        08:25:00 reminder 4 light
        08:26:00 lid_opened
        08:26:02 dose 4 in_window 4
        08:26:02 dose_end 4 x1
        08:26:04 lid_closed reached 4
        08:35:00 reminder 1 chime
        08:55:00 reminder 1 stopped""",
        "09:30:00",
    ),
    Case(
        "only on its weekdays",
        "2026-03-02 07:00",
        settings([1, 1, MONDAY, 480, 60, 0]),
        "",
        """08:00 reminder 1 light
        08:10 reminder 1 chime
        08:30 reminder 1 stopped
        09:00 window_missed 1 compartment 1
        +7 08:00 reminder 1 light
        +7 08:10 reminder 1 chime
        +7 08:30 reminder 1 stopped
        +7 09:00 window_missed 1 compartment 1""",
        "+8 10:00:00",
        coarse=True,
    ),
    Case(
        "quiet hours: light only, where the window may be in them",
        "2026-03-02 02:00",
        settings(NIGHT),
        "",
        """02:30:00 reminder 3 light
        03:00:00 reminder 3 stopped
        03:30:00 window_missed 3 compartment 3""",
        "04:00:00",
    ),
    Case(
        "a window that begins in quiet hours asks when they are over",
        "2026-03-02 07:00",
        settings([1, 1, DAILY, 450, 120, 0]),
        "",
        """08:00:00 reminder 1 light
        08:10:00 reminder 1 chime
        08:30:00 reminder 1 stopped
        09:30:00 window_missed 1 compartment 1""",
        "10:00:00",
    ),
    Case(
        "reminders off: windows go on, asking does not",
        "2026-03-02 07:55",
        settings(MORNING, reminders=0),
        "",
        "09:00:00 window_missed 1 compartment 1",
        "09:30:00",
    ),
    Case(
        "no sound: light only",
        "2026-03-02 07:55",
        settings(MORNING, volume=0),
        "",
        """08:00:00 reminder 1 light
        08:30:00 reminder 1 stopped
        09:00:00 window_missed 1 compartment 1""",
        "09:30:00",
    ),
    Case(
        "no time of day: no reminder, no relation, no guess",
        "2026-03-02 07:55",
        MORNINGS,
        """08:05:00 open
        08:05:02 reach 1
        08:05:04 close""",
        """08:05:00 lid_opened
        08:05:02 dose 1
        08:05:02 dose_end 1 x1
        08:05:04 lid_closed reached 1""",
        "10:00:00",
        knows=False,
    ),
    Case(
        "the time comes in the middle of a window: asked late, not called missed",
        "2026-03-02 07:55",
        MORNINGS,
        "08:20:00 clock 08:20:00",
        """08:20:00 reminder 1 light
        08:30:00 reminder 1 chime
        08:50:00 reminder 1 stopped""",
        "10:00:00",
        knows=False,
    ),
    Case(
        "power cut after the dose: not asked again; before it: asked no more than three times",
        "2026-03-02 07:55",
        BOTH,
        """08:05:00 open
        08:05:02 reach 1
        08:05:04 close
        08:12:00 cut
        08:40:00 cut""",
        """08:00:00 reminder 1 light
        08:00:00 reminder 4 light
        08:05:00 lid_opened
        08:05:02 dose 1 in_window 1
        08:05:02 dose_end 1 x1
        08:05:04 lid_closed reached 1
        08:10:00 reminder 4 chime
        08:30:00 reminder 4 stopped""",
        "10:00:00",
    ),
]

CLOCKS = [
    Case(
        "an hour that is skipped: asked once, at the moment the clocks go forward",
        "2026-03-29 00:00", settings(NIGHT, reminders=1), "",
        """03:00 reminder 3 light
        03:30 reminder 3 stopped
        04:00 window_missed 3 compartment 3
        +1 02:30 reminder 3 light
        +1 03:00 reminder 3 stopped
        +1 03:30 window_missed 3 compartment 3""",
        "+1 04:00:00", coarse=True,
    ),
    Case(
        "an hour that repeats: asked once, the first time",
        "2026-10-25 00:00", settings(NIGHT, reminders=1), "",
        """02:30 reminder 3 light
        02:00b reminder 3 stopped
        02:30b window_missed 3 compartment 3
        +1 02:30 reminder 3 light
        +1 03:00 reminder 3 stopped
        +1 03:30 window_missed 3 compartment 3""",
        "+1 04:00:00", coarse=True,
    ),
    Case(
        "clock set back an hour during a window: asked no second time, not called missed",
        "2026-03-02 07:55", MORNINGS, "08:15:00 clock 07:15:00",
        """08:00:00 reminder 1 light
        08:10:00 reminder 1 chime
        09:30:00 reminder 1 stopped""",
        "11:00:00",
    ),
    Case(
        "clock set forward over a window: nobody knows whether it was missed",
        "2026-03-02 07:55", MORNINGS, "08:05:00 clock 12:00:00",
        "08:00:00 reminder 1 light",
        "11:00:00",
    ),
    Case(
        "lid open over midnight",
        "2026-03-02 23:00", PLAIN,
        """23:50:00 open
        23:50:02 reach 1
        +1 08:00:00 close""",
        """23:50 lid_opened
        23:50 dose 1
        23:50 dose_end 1 x1
        23:53 refill possible pattern 1
        +1 08:00 lid_closed reached 1""",
        "+1 09:00:00", coarse=True,
    ),
    Case(
        "lid open for more than a day: the reed is stuck",
        "2026-03-02 12:00", PLAIN,
        """12:10:00 open
        +1 13:00:00 close
        +1 13:10:00 open
        +1 13:11:00 close""",
        """12:10 lid_opened
        12:13 refill possible pattern none
        +1 12:10 fault stuck 0
        +1 13:00 lid_closed reached none
        +1 13:10 lid_opened
        +1 13:11 lid_closed reached none""",
        "+1 14:00:00", coarse=True,
    ),
    Case(
        "lid open while the clocks go back",
        "2026-10-25 01:00", PLAIN,
        """02:59:00 open
        02:00:30b reach 2
        02:01:00b close""",
        """02:59:00 lid_opened
        02:00:30b dose 2
        02:00:30b dose_end 2 x1
        02:01:00b lid_closed reached 2""",
        "03:10:00",
    ),
    Case(
        "three weeks without anybody: every window is told as missed, no more than that",
        "2026-03-02 00:00", settings([1, 1, DAILY, 600, 60, 0], reminders=0), "",
        "\n".join(f"{f'+{day} ' if day else ''}11:00 window_missed 1 compartment 1"
                  for day in range(21)),
        "+20 12:00:00", coarse=True,
    ),
]  # fmt: skip

MODES = [
    Case(
        "a refill ends a minute after the lid was closed, and is no dose",
        "2026-03-02 07:55",
        MORNINGS,
        """08:04:00 service
        08:04:10 open
        08:04:12 reach 1
        08:04:14 reach 2
        08:04:16 reach 3
        08:05:00 close
        08:05:30 open
        08:05:40 close""",
        """08:00:00 reminder 1 light
        08:04:00 refill started button none [refill]
        08:04:10 lid_opened [refill]
        08:04:12 dose 1 [refill]
        08:04:14 dose 2 [refill]
        08:04:16 dose 3 [refill]
        08:04:12 dose_end 1 x1 [refill]
        08:04:14 dose_end 2 x1 [refill]
        08:04:16 dose_end 3 x1 [refill]
        08:05:00 lid_closed reached 123 [refill]
        08:05:30 lid_opened [refill]
        08:05:40 lid_closed reached none [refill]
        08:06:40 refill ended lid_closed none [refill]
        08:10:00 reminder 1 chime
        08:30:00 reminder 1 stopped
        09:00:00 window_missed 1 compartment 1""",
        "09:30:00",
    ),
    Case(
        "a refill ends after ten minutes, or by the button",
        "2026-03-02 10:00",
        PLAIN,
        """10:00:00 service
        10:01:00 open
        10:20:00 service
        10:21:00 service
        10:22:00 close""",
        """10:00:00 refill started button none [refill]
        10:01:00 lid_opened [refill]
        10:10:00 refill ended timeout none [refill]
        10:10:00 refill possible pattern none
        10:20:00 refill started button none [refill]
        10:21:00 refill ended button none [refill]
        10:22:00 lid_closed reached none""",
        "10:30:00",
    ),
    Case(
        "a reminder waits for the end of a refill",
        "2026-03-02 07:55",
        MORNINGS,
        "07:56:00 service",
        """07:56:00 refill started button none [refill]
        08:06:00 refill ended timeout none [refill]
        08:06:00 reminder 1 light
        08:16:00 reminder 1 chime
        08:36:00 reminder 1 stopped
        09:00:00 window_missed 1 compartment 1""",
        "09:30:00",
    ),
    Case(
        "three compartments in one opening may be a refill; nothing is dropped",
        "2026-03-02 10:00",
        PLAIN,
        """10:00:00 open
        10:00:02 reach 1
        10:00:04 reach 2
        10:00:06 reach 4
        10:00:08 reach 3
        10:00:10 close""",
        """10:00:00 lid_opened
        10:00:02 dose 1
        10:00:04 dose 2
        10:00:06 dose 4
        10:00:06 refill possible pattern 124
        10:00:08 dose 3
        10:00:02 dose_end 1 x1
        10:00:04 dose_end 2 x1
        10:00:08 dose_end 3 x1
        10:00:06 dose_end 4 x1
        10:00:10 lid_closed reached 1234""",
        "10:02:00",
    ),
    Case(
        "on the bench nothing is asked and nothing is a dose",
        "2026-03-02 07:55",
        MORNINGS,
        """07:56:00 bench 30
        08:10:00 open
        08:10:02 reach 1
        08:10:04 close
        08:30:00 press 2""",
        """08:10:00 lid_opened [bench]
        08:10:02 dose 1 [bench]
        08:10:02 dose_end 1 x1 [bench]
        08:10:04 lid_closed reached 1 [bench]
        08:26:00 reminder 1 light
        08:30:00 response 2
        08:36:00 reminder 1 chime
        08:56:00 reminder 1 stopped""",
        "09:30:00",
    ),
]

PANEL = [
    Case(
        "felt at once, noted when it is on flash, delivered when a watermark has passed it",
        "2026-03-02 10:00", PLAIN,
        """10:00:00 press 2
        10:00:00.9 press 2
        10:00:05 delivered 100
        10:00:10 delivered 101""",
        """10:00:00 pressed
        10:00:00 noted
        10:00:00 pressed
        10:00:10 delivered""",
        "10:02:00", panel=True,
    ),
    Case(
        "the clinic has seen it: shown once, after it was delivered and never before",
        "2026-03-02 10:00", PLAIN,
        """10:00:00 press 2
        10:00:03 clinic 100
        10:00:05 clinic 101
        10:01:00 delivered 101
        10:02:00 clinic 101
        10:05:00 press 3
        10:05:10 delivered 102
        10:06:00 clinic 101
        10:07:00 clinic 102""",
        """10:00:00 pressed
        10:00:00 noted
        10:01:00 delivered
        10:01:00 seen
        10:05:00 pressed
        10:05:00 noted
        10:05:10 delivered
        10:07:00 seen""",
        "10:09:00", panel=True,
    ),
    Case(
        "nothing delivered for a day shows; one delivery ends it",
        "2026-03-02 10:00", PLAIN,
        """10:10:00 press 2
        +1 11:00:00 press 2
        +1 12:00:00 delivered 102""",
        """10:10 pressed
        10:10 noted
        21:00 dim 1
        +1 08:00 dim 0
        +1 10:00 unreached
        +1 11:00 pressed
        +1 11:00 noted
        +1 12:00 delivered
        +1 12:00 no unreached""",
        "+1 13:00:00", panel=True, coarse=True,
    ),
    Case(
        "lights of what is due and of what is asked",
        "2026-03-02 07:55", settings(MORNING, questions=[[2, AFTER_DOSE, DAILY, 1, 5]]),
        """08:15:00 open
        08:15:02 reach 1
        08:15:04 close""",
        """07:55:00 dim 1
        08:00:00 lights 1
        08:00:00 dim 0
        08:10:00 chime
        08:15:02 lights 0
        08:16:02 question 2
        08:21:02 question 0""",
        "09:30:00", panel=True,
    ),
]  # fmt: skip

TABLES = {
    "chatter": CHATTER,
    "inputs": INPUTS, "responses": RESPONSES, "windows": WINDOWS, "clocks": CLOCKS,
    "modes": MODES, "panel": PANEL,
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_table(interpreter: Any, table: str) -> None:
    cases = TABLES[table]
    wrong: list[str] = []
    played = json.loads(interpreter.run("mp_play_patient.py", given=timeline.given(cases)))
    for case, one in zip(cases, played, strict=True):
        told, expected = timeline.told(case, one), timeline.lines(case.becomes)
        if told != expected:
            wrong.append(f"{case.name}:")
            wrong += difflib.unified_diff(expected, told, "expected", "told", lineterm="", n=1)
    assert not wrong, "\n".join(wrong)
