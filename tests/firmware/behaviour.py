"""What the behaviour's tables share: settings by name, and how a table is played.

The days are real ones in Berlin, the expected side is written by hand.
"""

import difflib
import json
from collections.abc import Sequence
from typing import Any

from tests.firmware import timeline
from tests.firmware.timeline import Case

DAILY, MONDAY = 127, 1
AFTER_DOSE, SET_TIME = 1, 2


def settings(*windows: list[int], questions: Any = (), **other: int) -> list[Any]:
    """Version 7 in Berlin; a window is [number, compartment, days, minute, length, in quiet]."""
    named = {"volume": 2, "reminders": 2, "quiet_start": 1260, "quiet_end": 480}
    named |= {"silence": 24, "sets": 1} | other
    return [7, *named.values(), timeline.zone(), list(windows), list(questions)]


MORNING = [1, 1, DAILY, 480, 60, 0]
EVENING = [2, 2, DAILY, 1080, 60, 0]
NIGHT = [3, 3, DAILY, 150, 60, 1]
PLAIN = settings()
MORNINGS = settings(MORNING)
BOTH = settings(MORNING, [4, 4, DAILY, 480, 60, 0])


def wrong(interpreter: Any, cases: Sequence[Case]) -> list[str]:
    """Return what became of the cases and should not have, as lines of a diff."""
    found: list[str] = []
    played = json.loads(interpreter.run("mp_play_patient.py", given=timeline.given(cases)))
    for case, one in zip(cases, played, strict=True):
        told, expected = timeline.told(case, one), timeline.lines(case.becomes)
        if told != expected:
            found.append(f"{case.name}:")
            found += difflib.unified_diff(expected, told, "expected", "told", lineterm="", n=1)
    return found
