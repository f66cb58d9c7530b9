"""Ranges to be read again beside the cursor, and how often: a refusal must not make a storm."""

from gateway.gaps import Span

_LONGEST_WAIT = 3600.0
_REMEMBERED = 1000


class Detours:
    """What is wanted and when; times are monotonic seconds.

    A range asked for again and again is read at once twice, then after 1, 2, 4 ... s, at most 1 h.
    """

    def __init__(self) -> None:
        self._wanted: dict[Span, float] = {}
        self._tries: dict[int, int] = {}

    def want(self, span: Span, now: float) -> None:
        """Ask for a range; one that waits already keeps its time."""
        tries = self._tries.get(span[1], 0)
        wait = min(_LONGEST_WAIT, 2.0 ** (tries - 2)) if tries >= 2 else 0.0
        self._wanted.setdefault(span, now + wait)

    def next(self, now: float) -> Span | None:
        """Return the lowest range that is due, None if there is none."""
        return min((span for span, at in self._wanted.items() if at <= now), default=None)

    def progress(self, span: Span, following: int) -> Span | None:
        """Note that a range was read before `following`; return what is left of it."""
        at = self._wanted.pop(span, 0.0)
        if following <= span[1]:
            self._wanted[(following, span[1])] = at
            return following, span[1]
        if len(self._tries) >= _REMEMBERED:
            self._tries.clear()
        self._tries[span[1]] = self._tries.get(span[1], 0) + 1
        return None
