"""What a cell is like, and what that does to each packet; pure: time and dice are passed in.

Figures by default are those of a good Cat-1 cell; NorNet (Baltrunas et al., IMC 2014) for outages.
"""

import random
from dataclasses import dataclass

LIMIT_S = 4.0
"""A sender's queue in the modem or the base station holds no more than so many seconds."""


@dataclass(slots=True)
class Conditions:
    """Attributes may be changed while packets are under way; rates in bit/s, 0: no limit."""

    delay_s: float = 0.03  # one way
    jitter_s: float = 0.005  # up to so much more or less, evenly
    loss: float = 0.0  # probability for each packet
    up_bps: float = 0.0
    down_bps: float = 0.0
    black_hole: bool = False  # the link is up, nothing passes
    stall_until: float = 0.0  # until then packets wait
    nat_timeout_s: float = 0.0  # a connection silent for longer is forgotten; 0: never
    names_fail: bool = False  # questions to name servers are lost


class Lane:
    """One direction of the way: order is kept, as radio links keep it (TS 36.322, 5.1.3)."""

    def __init__(self, conditions: Conditions, up: bool, dice: random.Random) -> None:
        self._conditions = conditions
        self._up = up
        self._dice = dice
        self._free_at = 0.0
        self._last = 0.0

    def take(self, size: int, now: float, repeats: bool = False) -> float | None:
        """Return when a packet of `size` bytes sent `now` arrives, None if it never does.

        repeats: what is lost is sent again by somebody who is not seen, and comes later.
        """
        how = self._conditions
        if how.black_hole:
            return None
        lost = how.loss > 0 and self._dice.random() < how.loss
        if lost and not repeats:
            return None
        rate = how.up_bps if self._up else how.down_bps
        begin = max(now, self._free_at, how.stall_until)
        if begin - max(now, how.stall_until) > LIMIT_S:
            return None
        self._free_at = begin + (size * 8 / rate if rate else 0.0)
        wait = how.delay_s + self._dice.uniform(-how.jitter_s, how.jitter_s)
        if lost:
            # the least time-out of TCP on Linux is 200 ms more than a round trip (tcp(7))
            wait += 0.2 + 2 * how.delay_s
        self._last = max(self._last, self._free_at + max(0.0, wait))
        return self._last


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without packets, in seconds from the beginning; `stall`: they wait, none is lost."""

    begin: float
    seconds: float
    stall: bool = False


def stalls(seconds: float, dice: random.Random, every: float = 600.0) -> list[Outage]:
    """Return stalls of 5 to 60 s within a time, about one every so many seconds."""
    found, at = [], dice.expovariate(1 / every)
    while at < seconds:
        found.append(Outage(at, dice.uniform(5.0, 60.0), stall=True))
        at += dice.expovariate(1 / every)
    return found


PATTERNS: dict[str, list[Outage]] = {
    "none": [],
    "ten minutes a day": [Outage(43_200.0, 600.0)],
    "slow recovery": [Outage(36_000.0, 3000.0)],  # the tail of modems that find no network again
    "six hours": [Outage(28_800.0, 21_600.0)],
}
"""Outages of a day, from quiet to bad."""
