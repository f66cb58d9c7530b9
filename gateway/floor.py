"""No time before this one is believed: the latest trustworthy time seen, kept over restarts.

A board without a battery clock starts in 1970, and a clock that jumps back is wrong now or was
wrong before; either way it is no time to give to dispensers.
"""

import contextlib
import logging
import math
from collections.abc import Callable
from pathlib import Path

_log = logging.getLogger(__name__)
RELEASED = 1_780_272_000
"""Unix seconds, 2026-06-01: no clock can be right that says this code does not exist yet."""
_SLACK = 5.0
_KEEP_EVERY = 600.0
_BELIEVE_AFTER = 3600.0


class Floor:
    """The floor in unix seconds, kept in a file; `monotonic` in seconds, for how long.

    Raises nothing: without its file the floor is that of the release. `keeps`: False for those who
    only look.
    """

    def __init__(self, file: Path, monotonic: Callable[[], float], *, keeps: bool = True) -> None:
        self._file = file
        self._keeps = keeps
        self._monotonic = monotonic
        self._kept = self._seen = max(float(RELEASED), _read(file))
        self._kept_at = float("-inf")
        self._behind_since: float | None = None

    @property
    def behind(self) -> bool:
        """Tell whether the clock was behind the floor when last looked at."""
        return self._behind_since is not None

    def passes(self, unix: float, synchronised: bool) -> bool:
        """Tell whether a time may be believed, and remember it if so.

        `synchronised`: the kernel says so. If it still does after an hour, what was seen before
        was wrong, and the floor goes down to it, though never below the release.
        """
        now = self._monotonic()
        if unix >= self._seen - _SLACK:
            self._behind_since = None
            self._remember(max(unix, self._seen), now)
            return True
        if self._behind_since is None:
            self._behind_since = now
            _log.error("clock: %.0f s behind what it was, not given", self._seen - unix)
        if not synchronised or unix < RELEASED:
            self._behind_since = now
            return False
        if now - self._behind_since < _BELIEVE_AFTER:
            return False
        _log.warning("clock: synchronised for an hour, believed though it went back")
        self._behind_since, self._seen, self._kept_at = None, unix, float("-inf")
        self._remember(unix, now)
        return True

    def doubt(self) -> None:
        """Note that nobody vouches for the clock: an hour of synchronisation begins anew."""
        if self._behind_since is not None:
            self._behind_since = self._monotonic()

    def keep(self) -> None:
        """Write the floor down, if it moved."""
        if not self._keeps or self._seen == self._kept:
            return
        new = self._file.with_suffix(".new")
        # a disk that takes nothing costs memory of the time, not the daemon
        with contextlib.suppress(OSError):
            new.write_text(f"{self._seen:.0f}\n")
            new.replace(self._file)
            self._kept = self._seen

    def _remember(self, unix: float, now: float) -> None:
        self._seen = unix
        if now - self._kept_at >= _KEEP_EVERY:
            self._kept_at = now
            self.keep()


def _read(file: Path) -> float:
    try:
        value = float(file.read_text())
    except (OSError, ValueError):
        return 0.0
    return value if math.isfinite(value) else 0.0
