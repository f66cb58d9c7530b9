"""The backend is away or the broker unwilling: publish nothing but a probe, ever more seldom."""

import random


class Pause:
    """Times are monotonic seconds. Delays double up to retry_max with full jitter."""

    def __init__(self, retry_min: float, retry_max: float) -> None:
        self.until: float | None = None
        self.probe: int | None = None
        self._retry_min = retry_min
        self._retry_max = retry_max
        self._times = 0

    def refused(self, now: float) -> bool:
        """Begin or prolong the pause; tell whether it begins."""
        begins = self.until is None
        if self.until is None or now >= self.until:
            self._times = min(self._times + 1, 60)
            ceiling = min(self._retry_max, self._retry_min * 2.0**self._times)
            # never at once: every probe costs bytes
            self.until = now + random.uniform(self._retry_min / 2, ceiling)
        return begins

    def may_probe(self, now: float) -> bool:
        """Tell whether it is time for a probe and none is on its way."""
        return self.until is not None and self.probe is None and now >= self.until

    def connected(self) -> None:
        """Try again: a new connection asks all questions, which are probes enough."""
        self.until = self.probe = None

    def end(self) -> None:
        """Note that something was taken."""
        self.until = self.probe = None
        self._times = 0
