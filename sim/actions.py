"""What is done at a dispenser or to a part of the world, and when: a diary, read into actions.

A line of a diary names a time and what happens then, in order, one after the other:

    day 1 08:05  open; take 2; press 3; close
    day 3 12:00  d2: open; close
    day 4 06:30  fault broker_down for 2 d
    day 5 09:10:04.250075  touch button2 on

Times are the world's (UTC), days count from 1. `for` lets a fault heal by itself; `tech` is what a
person does with the tools (`sim.techs`); `touch` makes one input active or not, as a recording of
what was done by hand tells it.
"""

import dataclasses
import re
from collections.abc import Iterator

from sim.ledger import INPUTS

DAY = 86_400.0
_LINE = re.compile(
    r"day ([1-9]\d*) ([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d(?:\.\d{1,6})?))?\s+"
    r"(?:([a-z0-9-]+):\s+)?(.+)",
    re.ASCII,
)
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": DAY}
_NUMBER = r"\d+(\.\d+)?"
_SPAN = rf"{_NUMBER} ({'|'.join(_UNITS)})"
_PART = r"[^\s;]+"
_AT_DISPENSER = {
    "open": "", "close": "", "take": "[1-4]", "press": "[0-4]", "service": "",
    "reach": f"[1-4] {_NUMBER}", "wait": _SPAN, "touch": f"({'|'.join(INPUTS)}) (on|off)",
}  # fmt: skip
_TO_THE_WORLD = {
    "fault": rf"{_PART}( (?!for ){_PART})?( for {_SPAN})?", "heal": f"{_PART}( {_PART})?",
    "tech": f"{_PART}( {_PART})?",
}  # fmt: skip
_WORDS = {**_AT_DISPENSER, **_TO_THE_WORLD}
_TOLD = (
    "open, close, take 1, press 0, service, reach 1 SECONDS, wait 20 s, touch INPUT on, "
    "fault NAME PART for 2 h, heal NAME PART, tech NAME DISPENSER"
)


class DiaryError(ValueError):
    """A line that is none of a diary; says which."""


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Action:
    """`words` happen `at` seconds after the world began, at `dispenser` ("" = to the world)."""

    at: float
    dispenser: str
    words: tuple[str, ...]


def diary(text: str, dispenser: str = "d1") -> list[Action]:
    """Read a diary; what names no dispenser is done at `dispenser`. Raises DiaryError."""
    return [
        action
        for line in text.strip().splitlines()
        if line.strip()
        for action in _line(line.strip(), dispenser)
    ]


def _line(line: str, dispenser: str) -> Iterator[Action]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise DiaryError(
            f"{line!r}: not `day N HH:MM  thing; thing`, days from 1, times from 00:00 to 23:59"
        )
    day, hour, minute, second, named, things = found.groups()
    at = (int(day) - 1) * DAY + int(hour) * 3600 + int(minute) * 60 + float(second or 0)
    for thing in things.split(";"):
        words = tuple(thing.split())
        _check(line, words)
        whose = "" if words[0] in _TO_THE_WORLD else named or dispenser
        yield Action(at, whose, words)


def _check(line: str, words: tuple[str, ...]) -> None:
    word, rest = (words[0] if words else ""), " ".join(words[1:])
    if word not in _WORDS or re.fullmatch(_WORDS[word], rest, re.ASCII) is None:
        raise DiaryError(f"{line!r}: {' '.join(words)!r} is none of {_TOLD}")


def seconds(number: str, unit: str) -> float:
    """Return a span such as `2 d` or `80 h` in seconds. Raises DiaryError."""
    try:
        return float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        raise DiaryError(f"{number} {unit}: a number and one of {', '.join(_UNITS)}") from None
