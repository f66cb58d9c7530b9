"""Adherence of many monitors at once, from what was opened and what people entered."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence

from sim.backend.evidence.adherence import (
    Figures,
    Persistence,
    Velocity,
    figures,
    persistence,
    velocity,
)
from sim.backend.evidence.dates import Span, collapse, wall_day
from sim.backend.evidence.days import Access, Day, Plan, Regimen, days, outside


@dataclasses.dataclass(frozen=True)
class Study:
    """By monitor: openings on its wall clock, and what `Plan` says of each part."""

    openings: Mapping[str, Sequence[dt.datetime]]
    monitors: Mapping[str, Sequence[Span]]
    regimens: Mapping[str, Sequence[Regimen]]
    added: Mapping[str, Mapping[dt.date, int]] = dataclasses.field(default_factory=dict)
    non_monitored: Mapping[str, Sequence[Span]] = dataclasses.field(default_factory=dict)

    def strangers(self) -> dict[str, list[str]]:
        """Return, by part, monitors that are named there but have no dates of observation."""
        parts = ("openings", "regimens", "added", "non_monitored")
        found = {name: sorted(set(getattr(self, name)) - set(self.monitors)) for name in parts}
        return {name: monitors for name, monitors in found.items() if monitors}


@dataclasses.dataclass(frozen=True)
class Result:
    """One monitor: its days, and figures with and without what people added or took away.

    `outside`: accesses on dates outside observation, `added_outside`: entries there; not counted.
    """

    days: list[Day]
    with_corrections: Figures
    without_corrections: Figures
    persistence: Persistence
    velocity: Velocity
    merged: int
    outside: int
    added_outside: int


def evaluate(study: Study, cut: dt.time, within: dt.timedelta) -> dict[str, Result]:
    """Return the result of each monitor that has dates of observation, by name."""
    return {name: _evaluate(study, name, cut, within) for name in sorted(study.monitors)}


def _evaluate(study: Study, name: str, cut: dt.time, within: dt.timedelta) -> Result:
    plan = Plan(
        study.monitors[name],
        study.regimens.get(name, ()),
        study.added.get(name, {}),
        study.non_monitored.get(name, ()),
    )
    opened = study.openings.get(name, ())
    accesses = [Access(wall_day(at, cut), at) for at in collapse(opened, within)]
    found = days(plan, (access.date for access in accesses))
    return Result(
        days=found,
        with_corrections=figures(found, accesses),
        without_corrections=figures(found, accesses, corrected=False),
        persistence=persistence(found),
        velocity=velocity(found, accesses),
        merged=len(opened) - len(accesses),
        outside=outside(plan, (access.date for access in accesses)),
        added_outside=outside(plan, plan.added),
    )
