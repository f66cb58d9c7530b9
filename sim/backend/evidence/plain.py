"""Reports as plain data and canonical text, and what changed from one to another."""

import dataclasses
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from sim.backend.evidence.adherence import Share
from sim.backend.evidence.events import Key
from sim.backend.evidence.report import SAYS, Report

_OF_THE_MOMENT = ("as_of", "entries", "records", "digest")
"""What differs though no claim does."""


def plain(report: Report) -> dict[str, Any]:
    """Return a report as what JSON can hold; dates and times in ISO 8601, keys as text."""
    found: dict[str, Any] = _plain(report)
    return {"says": SAYS} | found


def text(report: Report) -> str:
    """Return the one canonical text of a report: equal reports, equal bytes."""
    return json.dumps(plain(report), sort_keys=True, ensure_ascii=True, indent=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One claim that is not what it was; None: not there."""

    where: str
    was: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.where}: {_word(self.was)} → {_word(self.now)}"


def changes(before: str, now: str) -> list[Change]:
    """Return every claim that differs between two texts of `text`, by place."""
    one, other = dict(_leaves(json.loads(before))), dict(_leaves(json.loads(now)))
    places = sorted(one.keys() | other.keys())
    return [
        Change(place, one.get(place), other.get(place))
        for place in places
        if one.get(place) != other.get(place) and place not in _OF_THE_MOMENT
    ]


def _leaves(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{where}/{name}" if where else str(name))
    elif isinstance(value, list) and value and all(isinstance(i, dict) for i in value):
        # dates and compartments have names; a number would shift with every day before it
        for number, item in enumerate(value):
            yield from _leaves(item, f"{where}/{item.get('date', number)}")
    else:
        yield where, value


def _plain(value: Any) -> Any:
    if isinstance(value, Share):
        return {"part": value.part, "whole": value.whole, "percent": value.percent}
    if isinstance(value, Key):
        return f"{value.dispenser} {value.epoch} {value.seq}"
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dt.date):  # a datetime is one, too
        return value.isoformat()
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if isinstance(value, Mapping):
        return {str(_plain(name)): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _word(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)
