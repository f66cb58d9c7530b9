"""When a gateway is connected: always, or for a few minutes every hour or day."""

import random

_PERIODS = {"hourly": 3600.0, "daily": 86_400.0}
_JITTER = 0.05
_AWAKE_MOST = 300.0
_LINGER = 3.0
_CONFIRM_WITHIN = 2.0
_HURRY_EVERY = 60.0


class Schedule:
    """Pure; times are monotonic seconds. `prompt` never sleeps."""

    def __init__(self, profile: str) -> None:
        self._period = _PERIODS.get(profile)
        self._hurried = float("-inf")
        self._quiet_at = 0.0
        self._give_up_at = float("inf")

    def connected(self, now: float) -> None:
        """Note that a connection began: it lasts 5 min at most, whatever is left to do."""
        if self._period is not None:
            self._give_up_at = now + _AWAKE_MOST
        self.active(now)

    def active(self, now: float) -> None:
        """Note that something came from a dispenser, or that it may come soon."""
        self._quiet_at = now + _LINGER

    def next_look(self, now: float) -> float:
        """Return when to ask again whether to sleep."""
        if self._period is None:
            return float("inf")
        return self._quiet_at if now < self._quiet_at else self._give_up_at

    def confirm_within(self, usual: float) -> float:
        """Return the seconds to wait until what is not confirmed is asked for."""
        return usual if self._period is None else min(usual, _CONFIRM_WITHIN)

    def may_hurry(self, now: float) -> bool:
        """Tell whether something urgent may probe out of turn: once a minute."""
        if now - self._hurried < _HURRY_EVERY:
            return False
        self._hurried = now
        return True

    def sleep_for(self, now: float, done: bool) -> float | None:
        """Return for how many seconds to disconnect now, None to stay."""
        done = done and now >= self._quiet_at
        if self._period is None or not (done or now >= self._give_up_at):
            return None
        self._give_up_at = float("inf")
        # gateways that were installed on one morning must not all come at once
        return self._period * random.uniform(1 - _JITTER, 1 + _JITTER)
