"""How the dispenser behaves, as tables: dose windows and clocks."""

from typing import Any

import pytest

from tests.firmware.behaviour import (
    BOTH,
    DAILY,
    MONDAY,
    MORNING,
    MORNINGS,
    NIGHT,
    PLAIN,
    settings,
    wrong,
)
from tests.firmware.timeline import Case

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

TABLES = {
    "windows": WINDOWS,
    "clocks": CLOCKS,
}


@pytest.mark.parametrize("table", TABLES)
def test_table(interpreter: Any, table: str) -> None:
    found = wrong(interpreter, TABLES[table])
    assert not found, "\n".join(found)
