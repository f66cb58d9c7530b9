"""What happened in the console's world, as a scenario that `dosewire sim run FILE` plays again."""

from __future__ import annotations

from collections.abc import Iterable

from sim.ledger import Stimulus
from sim.scenario import Scenario
from sim.stage import FIRST_S
from sim.world import World

BEGIN_S = 2 * FIRST_S
"""A hundred dispensers take four seconds longer to be made and looked at than one."""
_AFTER_S = 60.0
_DAY_US = 86_400 * 10**6


class Recording:
    """Faults and what the clinic did, by hand; who touched the dispensers is in the ledger.

    The first thing is played when a scenario's world is settled, the rest in the same time after.
    """

    def __init__(self) -> None:
        self._lines: list[tuple[int, str]] = []

    def add(self, t: int, what: str) -> None:
        """Write down what was done at `t`, Unix ns, as a diary tells it."""
        self._lines.append((t, what))

    def scenario(self, world: World, touched: Iterable[Stimulus]) -> Scenario:
        """Return all that was done so far as one scenario; `touched` by user and patients."""
        lines = sorted([*self._lines, *((edge.t, _told(edge)) for edge in touched)], key=_at)
        first = lines[0][0] if lines else 0
        last = lines[-1][0] if lines else 0
        return Scenario(
            name="recorded",
            story="What was done in the console, by hand and by who lived there.",
            days=round(((last - first) / 1e9 + BEGIN_S + _AFTER_S) / 86_400, 6),
            diary="\n".join(_line(t - first, what) for t, what in lines),
            dispensers=list(world.dispensers),
            gateways=list(world.gateways),
            seed=world.seed,
            cell=world.cell is not None,
            modem=world.modem is not None,
        )


def _at(line: tuple[int, str]) -> int:
    return line[0]


def _told(edge: Stimulus) -> str:
    return f"{edge.dispenser}: touch {edge.input} {'on' if edge.active else 'off'}"


def _line(t: int, what: str) -> str:
    # a virtual world's time has a resolution of one microsecond
    day, rest = divmod(t // 1000 + round(BEGIN_S * 1e6), _DAY_US)
    seconds, micros = divmod(rest, 10**6)
    hour, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"day {day + 1} {hour:02}:{minute:02}:{second:02}.{micros:06}  {what}"
