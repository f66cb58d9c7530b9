"""When a gateway is connected and how long records wait: by profile, and by what the way costs."""

import random

_PERIODS = {"hourly": 3600.0, "daily": 86_400.0}
_JITTER = 0.05
_AWAKE_MOST = 300.0
_LINGER = 3.0
_CONFIRM_WITHIN = 2.0
_HURRY_EVERY = 60.0
_PROBES_OF_A_SESSION = 50
"""Probes of 104 bytes that cost what a new session costs, 5.2 kB (docs/cellular.md)."""


class Schedule:
    """Pure; times are monotonic seconds. `prompt` never sleeps.

    A slow profile stays connected, too, while that costs less than coming back each time; it
    publishes once in its period then. Otherwise it sleeps, and publishes all when it is awake.
    """

    def __init__(self, profile: str, coalesce: float = 0.0) -> None:
        self._period = _PERIODS.get(profile)
        self._coalesce = coalesce
        self._stays = True
        self._hurried = float("-inf")
        self._quiet_at = 0.0
        self._give_up_at = float("inf")

    def connected(self, now: float, keepalive: float) -> None:
        """Note that a connection began whose way endures so many seconds of silence.

        Who sleeps between connections stays 5 min at most, whatever is left to do.
        """
        if self._period is not None:
            self._stays = keepalive * _PROBES_OF_A_SESSION >= self._period
        if not self._stays:
            self._give_up_at = now + _AWAKE_MOST
        self.active(now)

    @property
    def stays(self) -> bool:
        """Tell whether this connection is to last."""
        return self._stays

    @property
    def gather(self) -> float:
        """Seconds for which a record that is not urgent waits for others."""
        if not self._stays:
            return 0.0
        return self._coalesce if self._period is None else self._period

    def active(self, now: float) -> None:
        """Note that something came from a dispenser, or that it may come soon."""
        self._quiet_at = now + _LINGER

    def next_look(self, now: float) -> float:
        """Return when to ask again whether to sleep."""
        if self._stays:
            return float("inf")
        return self._quiet_at if now < self._quiet_at else self._give_up_at

    def confirm_within(self, usual: float) -> float:
        """Return the seconds to wait until what is not confirmed is asked for."""
        return usual if self._stays else min(usual, _CONFIRM_WITHIN)

    def may_hurry(self, now: float) -> bool:
        """Tell whether something urgent may probe out of turn: once a minute."""
        if now - self._hurried < _HURRY_EVERY:
            return False
        self._hurried = now
        return True

    def sleep_for(self, now: float, done: bool) -> float | None:
        """Return for how many seconds to disconnect now, None to stay."""
        done = done and now >= self._quiet_at
        if self._stays or self._period is None or not (done or now >= self._give_up_at):
            return None
        self._give_up_at = float("inf")
        # gateways that were installed on one morning must not all come at once
        return self._period * random.uniform(1 - _JITTER, 1 + _JITTER)
