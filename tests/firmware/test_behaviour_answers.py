"""How the dispenser behaves, as tables: responses, questions, what the panel shows."""

from typing import Any

import pytest

from tests.firmware.behaviour import AFTER_DOSE, DAILY, MORNING, PLAIN, SET_TIME, settings, wrong
from tests.firmware.timeline import Case

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
    "responses": RESPONSES,
    "panel": PANEL,
}


@pytest.mark.parametrize("table", TABLES)
def test_table(interpreter: Any, table: str) -> None:
    found = wrong(interpreter, TABLES[table])
    assert not found, "\n".join(found)
