"""The rungs of recovery and how often each may be stepped on, kept across restarts.

Sources of the limits, operators' device rules: Telefónica (module restarted at most once an hour;
at most one try a minute and ten an hour), Verizon (at most four automatic attaches an hour),
GSMA TS.34 (no endless retries, randomised).
"""

import contextlib
import enum
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

HOUR = 3600.0
DAY = 86400.0


class Rung(enum.IntEnum):
    """What is done, from the mildest to the hardest; each only after those below failed."""

    APPLICATION = 0  # the uplink connects again by itself
    DIAGNOSE = 1  # look, do nothing
    INTERFACE = 2  # the network interface asks for its address anew
    CONTEXT = 3  # the PDP context off and on
    NETWORK = 4  # deregister, radio off and on, register
    RESET = 5  # the module restarts by its own command
    USB = 6  # its USB port is reset
    POWER = 7  # its power or reset line
    REBOOT = 8  # the host


class Rule(NamedTuple):
    """At most `most` of these rungs in `window` seconds, counted together."""

    rungs: frozenset[Rung]
    most: int
    window: float


RULES = (
    Rule(frozenset({Rung.INTERFACE}), 6, HOUR),
    Rule(frozenset({Rung.CONTEXT}), 1, 60.0),
    Rule(frozenset({Rung.CONTEXT}), 10, HOUR),
    Rule(frozenset({Rung.NETWORK}), 1, 600.0),
    Rule(frozenset({Rung.NETWORK, Rung.RESET, Rung.USB, Rung.POWER}), 4, HOUR),
    Rule(frozenset({Rung.RESET, Rung.POWER}), 1, HOUR),
    Rule(frozenset({Rung.USB}), 1, HOUR),
    Rule(frozenset({Rung.POWER}), 4, DAY),
    Rule(frozenset({Rung.REBOOT}), 1, DAY),
)


class Budgets:
    """When each rung was stepped on; a time is written before the step is taken.

    Times are Unix seconds, since the steps include restarts of the host. A file that cannot be
    read counts as a reboot of the host just now. keeps: False writes nothing, to try out only.
    """

    def __init__(
        self, path: Path, now: float, rules: Sequence[Rule] = RULES, keeps: bool = True
    ) -> None:
        self._path = path
        self._keeps = keeps
        self._rules = rules
        self._spent = _load(path, now)

    def free_at(self, rung: Rung, now: float) -> float:
        """Return from when on the rung may be stepped on; in the past: at once."""
        return max((self._rule_free(rule, now) for rule in self._of(rung)), default=now)

    def spend(self, rung: Rung, now: float) -> bool:
        """Write down that the rung is stepped on now; return whether that will outlast us."""
        self._spent.setdefault(rung, []).append(now)
        kept = {one: [t for t in times if now - t < DAY] for one, times in self._spent.items()}
        self._spent = kept
        if not self._keeps:
            return True
        try:
            write_durably(self._path, json.dumps({r.name: times for r, times in kept.items()}))
        except OSError:
            return False
        return True

    def used(self, rung: Rung, now: float) -> int:
        """Return how often it was stepped on within a day."""
        return sum(now - t < DAY for t in self._spent.get(rung, []))

    def _of(self, rung: Rung) -> list[Rule]:
        return [rule for rule in self._rules if rung in rule.rungs]

    def _rule_free(self, rule: Rule, now: float) -> float:
        # a time ahead of the clock (it was set back) counts as now
        times = sorted(min(t, now) for rung in rule.rungs for t in self._spent.get(rung, []))
        return times[-rule.most] + rule.window if len(times) >= rule.most else float("-inf")


def _load(path: Path, now: float) -> dict[Rung, list[float]]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return {Rung[name]: [float(t) for t in times] for name, times in held.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {Rung.REBOOT: [now]}


def write_durably(path: Path, text: str) -> None:
    """Replace a file so that after a power cut it holds the old or the new text."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
