"""Board targets by name, and whether a scenario can be played on one: what is lacking is said."""

import os
import shutil

from sim import faults, trace
from sim.board.serial import SERIAL, SerialSpec
from sim.board.target import EMULATED
from sim.scenario import Scenario

EMULATED_NAME = "emulated"
_LONGEST_DAYS = 0.1
"""A story that lasts longer is not played in real time."""


class TargetError(ValueError):
    """No board target; one line."""


def parse(text: str) -> SerialSpec | None:
    """Return the real board that `--board` names, None for an emulated one. Raises TargetError."""
    if text == EMULATED_NAME:
        return None
    if not text.startswith(SERIAL):
        known = f"{EMULATED_NAME}, {SERIAL}PORT,fixture=PORT and {SERIAL}PORT,by-hand"
        raise TargetError(f"no board {text!r}, only {known}")
    try:
        return SerialSpec.parse(text)
    except ValueError as error:
        raise TargetError(str(error)) from error


def lacks(scenario: Scenario, board: str) -> str:
    """Say why a scenario cannot be played on a board target here, "" if it can."""
    spec = parse(board)
    if spec is not None and len(scenario.dispensers) > 1:
        return f"board {board} is one dispenser, not {len(scenario.dispensers)}"
    needs = needed(scenario)
    of_board = needs - _HOST - (spec.abilities if spec else EMULATED)
    if of_board:
        return f"board {board} lacks: {', '.join(sorted(of_board))}"
    of_host = needs & _HOST - _host()
    return f"this machine lacks: {', '.join(sorted(of_host))}" if of_host else ""


def needed(scenario: Scenario) -> frozenset[str]:
    """Return what a scenario needs: what it says, what its faults do, and time."""
    needs = scenario.needs.union(*(faults.needs(name) for name in scenario.faults()))
    return needs | ({"virtual time"} if scenario.days > _LONGEST_DAYS else set())


_HOST = frozenset({"small disk", "strace"})
"""What faults need of the machine: root that may mount; strace(1)."""


def _host() -> frozenset[str]:
    root = os.geteuid() == 0 and shutil.which("mount") is not None
    there = {"small disk": root, "strace": trace.STRACE is not None}
    return frozenset(name for name, has in there.items() if has)
