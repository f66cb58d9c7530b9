"""Which loops still get round: each beats, and one that stops beating is found late."""

from collections.abc import Callable

PATIENCE = 90.0
"""Seconds between two beats: the longest a loop waits by design is 60."""


class Heart:
    """Beats of named loops; `now` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float], patience: float = PATIENCE) -> None:
        self._now = now
        self._patience = patience
        self._last: dict[str, float] = {}
        self._own: dict[str, float] = {}

    def loop(self, name: str, patience: float | None = None) -> Callable[[], None]:
        """Register a loop; what is returned is to be called each time it gets round.

        patience: seconds between two of its beats, if it may take longer than the others.
        """
        if patience is not None:
            self._own[name] = patience

        def beat() -> None:
            self._last[name] = self._now()

        beat()
        return beat

    def forget(self, name: str) -> None:
        """Note that a loop has ended in order."""
        self._last.pop(name, None)
        self._own.pop(name, None)

    def late(self) -> list[str]:
        """Return the loops that should have beaten by now."""
        now = self._now()
        limits = {name: self._own.get(name, self._patience) for name in self._last}
        return sorted(name for name, last in self._last.items() if now - last > limits[name])
