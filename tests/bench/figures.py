"""A figure: what was measured, in which unit, and the goal it is held against."""

import dataclasses
from collections.abc import Callable, Iterator


@dataclasses.dataclass(frozen=True)
class Figure:
    """One measured value; `most` and `least` are goals, None where there is none."""

    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def met(self) -> bool:
        """Tell whether the goals are met."""
        if self.most is not None and self.value > self.most:
            return False
        return self.least is None or self.value >= self.least

    @property
    def goal(self) -> str:
        """The goals in words."""
        words = []
        if self.most is not None:
            words.append(f"at most {self.most:g}")
        if self.least is not None:
            words.append(f"at least {self.least:g}")
        return ", ".join(words)


Bench = Callable[[], Iterator[Figure]]
