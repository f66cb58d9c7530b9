"""What was done by hand, as a scenario that `dosewire sim run FILE` plays again."""

from __future__ import annotations

from collections.abc import Sequence

from sim.scenario import Scenario
from sim.stage import FIRST_S

_AFTER_S = 60.0


class Recording:
    """Diary lines with their times; the first is played when a scenario's world is settled."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, str]] = []

    def add(self, t: int, what: str) -> None:
        """Write down what was done at `t`, Unix ns."""
        self._lines.append((t, what))

    def __len__(self) -> int:
        return len(self._lines)

    def scenario(self, seed: int, dispensers: Sequence[str], gateways: Sequence[str]) -> Scenario:
        """Return all that was done so far as one scenario."""
        lines = sorted(self._lines)
        first = lines[0][0] if lines else 0
        last = lines[-1][0] if lines else 0
        return Scenario(
            name="recorded",
            story="What was done by hand in the console.",
            days=round(((last - first) / 1e9 + FIRST_S + _AFTER_S) / 86_400, 6),
            diary="\n".join(_line(t - first, what) for t, what in lines),
            dispensers=list(dispensers),
            gateways=list(gateways),
            seed=seed,
        )


def _line(t: int, what: str) -> str:
    millis = t // 10**6 + round(FIRST_S * 1000)
    day, millis = divmod(millis, 86_400_000)
    hour, minute, second = millis // 3_600_000, millis // 60_000 % 60, millis // 1000 % 60
    return f"day {day + 1} {hour:02}:{minute:02}:{second:02}.{millis % 1000:03}  {what}"
