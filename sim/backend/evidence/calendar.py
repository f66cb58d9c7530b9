"""One mark for each date of a patient: what a person may conclude from it, and no more."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from enum import StrEnum

from sim.backend.evidence.days import Day, patient_day_implemented
from sim.backend.evidence.silence import Silence


class Mark(StrEnum):
    """What is known of a date; access, not ingestion."""

    REACHED = "reached: every due compartment"
    PARTLY = "partly reached: some due compartments, dispenser awake all day"
    MISSED = "missed: no due compartment reached, dispenser awake all day"
    SILENT = "not known: the dispenser was not heard all day"
    AWAY = "non-monitored: entered by a person"
    NOT_DUE = "nothing due"


@dataclasses.dataclass(frozen=True, slots=True)
class Date:
    """One date; `accesses` recorded and `excess` beyond what was expected: of all compartments."""

    date: dt.date
    mark: Mark
    accesses: int
    excess: int
    silence: Silence


def calendar(
    compartments: Mapping[int, Sequence[Day]], silences: Mapping[dt.date, Silence]
) -> list[Date]:
    """Return the dates of all compartments, in order; `silences` has each of them."""
    by_date: dict[dt.date, list[Day]] = {}
    for days in compartments.values():
        for day in days:
            by_date.setdefault(day.date, []).append(day)
    return [_date(date, by_date[date], silences[date]) for date in sorted(by_date)]


def _date(date: dt.date, days: Sequence[Day], silence: Silence) -> Date:
    accesses = sum(day.recorded for day in days)
    return Date(date, _mark(days), accesses, sum(day.excess for day in days), silence)


def _mark(days: Sequence[Day]) -> Mark:
    if any(day.non_monitored for day in days):
        return Mark.AWAY
    if any(day.unseen for day in days):
        return Mark.SILENT
    due = [day for day in days if day.expected]
    if not due:
        return Mark.NOT_DUE
    if patient_day_implemented(due):
        return Mark.REACHED
    return Mark.PARTLY if any(day.corrected > 0 for day in due) else Mark.MISSED
