"""How the dispenser behaves, as tables: lid, beams, chattering contacts, modes."""

from typing import Any

import pytest

from tests.firmware.behaviour import MORNINGS, PLAIN, wrong
from tests.firmware.timeline import Case


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

TABLES = {
    "inputs": INPUTS,
    "chatter": CHATTER,
    "modes": MODES,
}


@pytest.mark.parametrize("table", TABLES)
def test_table(interpreter: Any, table: str) -> None:
    found = wrong(interpreter, TABLES[table])
    assert not found, "\n".join(found)
