"""The backend is away or the broker unwilling: publish nothing but a probe, ever more seldom."""

import random


class Pause:
    """Times are monotonic seconds. Delays double up to `probe_max` with full jitter.

    Only a moving watermark makes them short again: a broker that accepts and drops, or a backend
    that comes and goes, is no reason to hurry.
    """

    def __init__(self, retry_min: float, probe_max: float) -> None:
        self.until: float | None = None
        self.probe: int | None = None
        self._retry_min = retry_min
        self._probe_max = probe_max
        self._times = 0

    def refused(self, now: float) -> bool:
        """Begin or prolong the pause; tell whether it begins."""
        begins = self.until is None
        if self.until is None or now >= self.until:
            self._times = min(self._times + 1, 60)
            ceiling = min(self._probe_max, self._retry_min * 2.0**self._times)
            # never at once: every probe costs bytes
            self.until = now + random.uniform(self._retry_min / 2, ceiling)
        return begins

    def may_probe(self, now: float) -> bool:
        """Tell whether it is time for a probe and none is on its way."""
        return self.until is not None and self.probe is None and now >= self.until

    def hurry(self, now: float) -> None:
        """Let the next probe go at once: there is something urgent to probe with."""
        if self.until is not None:
            self.until = min(self.until, now)

    def end(self) -> None:
        """Try again: something was taken, or the connection is a new one."""
        self.until = self.probe = None

    def progress(self) -> None:
        """Note that the backend stored something."""
        self._times = 0
