"""Computes a run's report anew from its files and holds it against the one that was written."""

import sqlite3
from pathlib import Path

import msgspec

from sim import batch
from sim.report import REPORT, Report, compute
from sim.scenarios import SCENARIOS


class VerifyError(ValueError):
    """A run folder that cannot be judged."""


def verify(run: Path) -> tuple[Report, list[str]]:
    """Return the recomputed report, and each figure in which the written one differs.

    Raises VerifyError if a file of the run is missing or unreadable.
    """
    try:
        told = _told(run / REPORT)
        found = compute(run)
    except (OSError, sqlite3.Error, ValueError, LookupError) as error:
        raise VerifyError(f"{run}: {error}") from error
    names = [name for name in Report.__struct_fields__ if name != "run"]
    return found, [
        f"{name}: report says {getattr(told, name)!r}, the files say {getattr(found, name)!r}"
        for name in names
        if getattr(told, name) != getattr(found, name)
    ]


def story(run: Path, report: Report) -> list[str]:
    """Return what the story of a run wants and its files do not show; nothing where it has none.

    Raises OSError or sqlite3.Error.
    """
    try:
        kept = batch.kept(run)
    except (OSError, msgspec.MsgspecError):
        return []
    scenario = SCENARIOS.get(kept.scenario)
    if scenario is None or f" {scenario.name} " not in kept.replay:  # one of a file
        return []
    return batch.unmet(scenario, run, report)


def _told(path: Path) -> Report:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except FileNotFoundError as error:
        told = f"no {path.name}: no run's folder, or one that was broken off"
        raise VerifyError(told) from error
    except msgspec.MsgspecError as error:
        raise VerifyError(f"{path.name}: {error}") from error
