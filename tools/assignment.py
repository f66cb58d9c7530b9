"""Ends the assignment of a dispenser in the backend's ledger, as a person would enter it."""

import time
from pathlib import Path

from sim.backend.evidence.entries import Draft, Kind, RuleError
from sim.backend.evidence.ledger import Ledger, LedgerError
from sim.backend.evidence.programme import Programme
from tools.exits import Exit, ToolError


def close(path: Path, dispenser: str, by: str) -> list[str]:
    """End every open assignment of a dispenser now; returns their episodes. Raises ToolError."""
    try:
        ledger = Ledger(path, _now_ms, create=False)
        try:
            return _close(ledger, dispenser, by)
        finally:
            ledger.close()
    except (LedgerError, RuleError) as error:
        raise ToolError(
            f"{error}; the dispenser is retired: run this again", Exit.USAGE
        ) from error


def _close(ledger: Ledger, dispenser: str, by: str) -> list[str]:
    entries = Programme(ledger.entries()).only(Kind.ASSIGNMENT)
    found = [entry for entry in entries if entry.value == dispenser and entry.end is None]
    now = _now_ms()
    ledger.extend(
        [Draft(by, e.episode, Kind.ASSIGNMENT, e.start, now, e.value, e.id) for e in found]
    )
    return [entry.episode for entry in found]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
