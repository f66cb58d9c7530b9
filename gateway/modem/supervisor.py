"""What is wrong with the cellular link, and what is done about it. No I/O, no clock, no dice of
its own.

Health is real traffic. A broker that is away while packets come back from beyond the modem is no
fault of the modem. A refusal by network or SIM is never answered by resets at speed.
"""

import enum
import random
from collections.abc import Container
from dataclasses import dataclass

from gateway.modem.rungs import DAY, HOUR, Budgets, Rung


class Fault(enum.Enum):
    """What is wrong, as far as can be seen."""

    NONE = "works"
    SERVER = "the broker is away, the modem works"
    ABSENT = "no modem on USB"
    DEAF = "the modem does not answer"
    NO_SIM = "no SIM"
    SIM_PIN = "the SIM asks for its PIN"
    SIM_PUK = "the SIM is blocked and asks for its PUK"
    SIM_FAILED = "the SIM does not work"
    DENIED = "the network refuses this SIM"
    CONGESTED = "the network has no room now"
    ROAMING = "only a foreign network, which the configuration forbids"
    UNREGISTERED = "no network found"
    NO_CONTEXT = "no data session"
    NO_DATA = "a data session, but nothing comes back"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at the modem found; None: not known.

    card: a state of +CPIN, or "ABSENT", "FAILED". cause: EMM cause of a refusal. passes: packets
    came back from beyond the modem. connected: the uplink's session stands, as far as it knows.
    elsewhere: it stands, but not over the modem. traffic: seconds since the broker was last heard.
    """

    present: bool = False
    answers: bool = False
    card: str | None = None
    serving: bool | None = None
    roaming: bool = False
    denied: bool = False
    cause: int | None = None
    address: str | None = None
    passes: bool | None = None
    connected: bool = False
    elsewhere: bool = False
    traffic: float | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What is allowed: roaming, rungs that this host can do; `fresh`: s that traffic is news."""

    roaming: bool = True
    rungs: Container[Rung] = frozenset(Rung)
    fresh: float = 60.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to do now, and in how many seconds to look again.

    rung: None: only look. unlock: the PIN may be tried, if its own rules allow. alarm: what a
    person must do. clear_forbidden: the SIM's list of forbidden networks may be emptied.
    """

    fault: Fault
    wait: float
    rung: Rung | None = None
    unlock: bool = False
    clear_forbidden: bool = False
    alarm: str = ""


_LADDERS = {
    Fault.NO_DATA: tuple(r for r in Rung if r >= Rung.INTERFACE),
    Fault.NO_CONTEXT: (Rung.CONTEXT, Rung.NETWORK, Rung.RESET),
    Fault.UNREGISTERED: (Rung.NETWORK, Rung.RESET, Rung.POWER),
    Fault.SIM_FAILED: (Rung.NETWORK, Rung.RESET, Rung.POWER),
    Fault.DEAF: (Rung.USB, Rung.POWER, Rung.REBOOT),
    Fault.ABSENT: (Rung.USB, Rung.POWER, Rung.REBOOT),
}
# After these a data session must be begun anew, which is no recovery.
_OFFLINE = frozenset((Fault.ABSENT, Fault.DEAF, Fault.UNREGISTERED, Fault.DENIED, Fault.CONGESTED))
# So many sessions begun without one that lasted: the modem restarts or loses its network again
# and again, too fast for any patience.
_SESSIONS = 5
_RESTLESS = (Rung.USB, Rung.POWER)
# Seconds that a fault must last before the first rung: a first attach takes up to 5 min.
_PATIENCE = {
    Fault.NO_DATA: 30.0,
    Fault.NO_CONTEXT: 0.0,
    Fault.UNREGISTERED: 300.0,
    Fault.SIM_FAILED: 60.0,
    Fault.DEAF: 30.0,
    Fault.ABSENT: 60.0,
}
# Seconds that a rung is given before it counts as failed.
_SETTLE = {
    Rung.INTERFACE: 20.0,
    Rung.CONTEXT: 60.0,
    Rung.NETWORK: 300.0,
    Rung.RESET: 360.0,
    Rung.USB: 360.0,
    Rung.POWER: 420.0,
    Rung.REBOOT: 600.0,
}
_BACKOFF = tuple(60.0 * m for m in (5, 10, 15, 20, 30, 60))
_DENIED = tuple(HOUR * h for h in (1, 4, 8, 16, 24))
# The modem waits as long as the network said (T3346, else 15 to 30 min) and comes back by itself:
# whoever restarts it earlier only adds to the crowd (TS 24.301 5.3.9, 5.5.1.2.5).
_CONGESTED = tuple(HOUR * h for h in (12, 24))
_CROWDED_FOR = 2 * HOUR
_LOOK = 10.0
_LOOK_SOON = 2.0  # a data session stands or fails at once
_LOOK_HEALTHY = 30.0
_LOOK_REFUSED = 120.0
_LOOK_PERSON = (300.0, 600.0)
_WELL = 60.0
_JITTER = 0.25
_ILLEGAL = frozenset((3, 6, 7, 8))
"""EMM causes after which the SIM counts as invalid until a restart (TS 24.301 5.5.1.2.5)."""
_CROWDED = frozenset((22,))
"""EMM causes that are of the network's load, not of the SIM."""
_FORBIDDING = frozenset((11,))
"""EMM causes that put the network on the SIM's list of forbidden ones."""

_ALARMS = {
    Fault.NO_SIM: "put a SIM in",
    Fault.SIM_PIN: "set the SIM's PIN in the configuration, or switch the PIN off",
    Fault.SIM_PUK: "unblock the SIM by hand with its PUK; this program never does",
    Fault.SIM_FAILED: "take the SIM out and put it in again, or replace it",
    Fault.DENIED: "ask the operator whether the SIM is active and may use data here",
    Fault.CONGESTED: "wait; if it lasts for days, ask the operator",
    Fault.NO_CONTEXT: "check the access point's name in the configuration",
    Fault.ROAMING: "allow roaming, or use another SIM",
}


class Supervisor:
    """Decides step by step; `dice` makes waits differ from gateway to gateway."""

    def __init__(self, policy: Policy, budgets: Budgets, dice: random.Random) -> None:
        self.fault = Fault.NONE
        self.since = 0.0
        self._policy = policy
        self._budgets = budgets
        self._dice = dice
        self._tried: Rung | None = None
        self._well_at = float("inf")
        self._settled_at = 0.0
        self._round = 0
        self._refusals = 0
        self._refused_at: float | None = None
        self._cleared_at: float | None = None
        self._crowded_at = float("-inf")
        self._begun_anew = False
        self._sessions = 0
        self._treated: Fault | None = None  # what the ladder was climbed for
        self._cured: Fault | None = None  # the same, once all was well again

    def step(self, now: float, seen: Seen) -> Order:
        """Judge what was seen at `now` (Unix seconds) and say what to do."""
        fault = self._remember(now, diagnose(seen, self._policy))
        self._well_at = min(self._well_at, now)
        if fault is not self.fault:
            self._begun_anew |= self.fault in _OFFLINE
            self.fault, self.since = fault, now
        if fault in (Fault.NONE, Fault.SERVER):
            return self._well(now)
        if fault in (Fault.DENIED, Fault.CONGESTED):
            return self._denied(now, seen)
        if fault in _LADDERS:
            return self._climb(now)
        unlock = fault is Fault.SIM_PIN
        hopeful = unlock and now - self.since < _WELL
        wait = _LOOK if hopeful else self._dice.uniform(*_LOOK_PERSON)
        return Order(fault, wait, unlock=unlock, alarm=_ALARMS.get(fault, ""))

    def _well(self, now: float) -> Order:
        self._begun_anew = False
        self._cured = self._treated
        self._well_at = now
        lasted = now - self.since
        if lasted >= _WELL:
            self._tried = None
            self._sessions = 0
            self._refusals, self._refused_at = 0, None
        if lasted >= HOUR:
            self._round = 0
        rung = Rung.APPLICATION if self.fault is Fault.SERVER else None
        return Order(self.fault, self._spread(_LOOK_HEALTHY), rung)

    # ---- the ladder -------------------------------------------------------------------------

    def _climb(self, now: float) -> Order:
        alarm = _ALARMS.get(self.fault, "") if now - self._well_at > HOUR else ""
        if self._cured not in (None, self.fault):
            # that was another illness: its rungs say nothing of this one
            self._tried, self._settled_at = None, 0.0
        self._cured = None
        if self._sessions >= _SESSIONS:
            alarm = "the modem comes and goes: check its power supply, cable and antenna"
        elif now - self.since < _PATIENCE[self.fault]:
            return Order(self.fault, _LOOK)
        elif self.fault is Fault.NO_CONTEXT and self._begun_anew:
            # registered anew: the session is due, whatever rung brought us here
            order = self._take(Rung.CONTEXT, now, alarm, self._tried)
            self._sessions += order.rung is not None
            return order
        if now < self._settled_at:
            return Order(self.fault, _LOOK, alarm=alarm)
        rung = self._next()
        if rung is None or self._budgets.free_at(rung, now) - now > HOUR:
            return self._from_the_start(now, alarm)
        self._treated = self.fault
        return self._take(rung, now, alarm, rung)

    def _next(self) -> Rung | None:
        rungs = _LADDERS[self.fault] if self._sessions < _SESSIONS else _RESTLESS
        ladder = [rung for rung in rungs if rung in self._policy.rungs]
        above = [rung for rung in ladder if self._tried is None or rung > self._tried]
        return above[0] if above else None

    def _from_the_start(self, now: float, alarm: str) -> Order:
        wait = self._spread(_BACKOFF[min(self._round, len(_BACKOFF) - 1)])
        self._round += 1
        self._tried, self._sessions = None, 0
        self._settled_at = now + wait
        return Order(self.fault, _LOOK, alarm=alarm)

    def _take(self, rung: Rung, now: float, alarm: str, tried: Rung | None) -> Order:
        free = self._budgets.free_at(rung, now)
        if free > now:
            return Order(self.fault, min(_LOOK_HEALTHY, free - now + 1.0), alarm=alarm)
        if not self._budgets.spend(rung, now) and rung is Rung.REBOOT:
            return Order(self.fault, _LOOK_HEALTHY, alarm="the disk takes no notes: no reboot")
        self._tried = tried
        if rung in _RESTLESS and self._sessions >= _SESSIONS:
            self._sessions = _SESSIONS - 1  # one session shows whether that has helped
        self._begun_anew = rung >= Rung.NETWORK or (rung < Rung.CONTEXT and self._begun_anew)
        self._settled_at = now + self._spread(_SETTLE[rung])
        soon = rung in (Rung.INTERFACE, Rung.CONTEXT)
        return Order(self.fault, _LOOK_SOON if soon else _LOOK, rung, alarm=alarm)

    # ---- refused ----------------------------------------------------------------------------

    def _denied(self, now: float, seen: Seen) -> Order:
        if self._refused_at is None:
            self._refused_at = now
        waits = _CONGESTED if self.fault is Fault.CONGESTED else _DENIED
        wait = self._spread(waits[min(self._refusals, len(waits) - 1)])
        alarm = _ALARMS[self.fault]
        if seen.cause is not None:
            alarm = f"{alarm} (cause {seen.cause})"
        rung = Rung.RESET if seen.cause in _ILLEGAL else Rung.NETWORK
        due = now - self._refused_at >= wait and self._budgets.free_at(rung, now) <= now
        if not due:
            return Order(self.fault, self._spread(_LOOK_REFUSED), alarm=alarm)
        self._refusals += 1
        self._refused_at = now
        self._budgets.spend(rung, now)
        self._begun_anew = True
        return Order(self.fault, _LOOK, rung, False, self._may_clear(now, seen), alarm)

    def _remember(self, now: float, fault: Fault) -> Fault:
        if fault is Fault.CONGESTED:
            self._crowded_at = now
        # begun anew, a modem that must stay away says only that it found nothing
        crowded = now - self._crowded_at < _CROWDED_FOR
        return Fault.CONGESTED if crowded and fault is Fault.UNREGISTERED else fault

    def _may_clear(self, now: float, seen: Seen) -> bool:
        if seen.cause not in _FORBIDDING:
            return False
        if self._cleared_at is not None and now - self._cleared_at < DAY:
            return False
        self._cleared_at = now
        return True

    def _spread(self, seconds: float) -> float:
        return seconds * (1 + self._dice.random() * _JITTER)


def diagnose(seen: Seen, policy: Policy) -> Fault:
    """Name the lowest thing that is wrong; traffic is proof that nothing is."""
    if seen.traffic is not None and seen.traffic <= policy.fresh:
        return Fault.NONE
    if not seen.present:
        return Fault.ABSENT
    if not seen.answers:
        return Fault.DEAF
    if (fault := _card(seen.card)) is not None:
        return fault
    if not seen.serving:
        refused = Fault.CONGESTED if seen.cause in _CROWDED else Fault.DENIED
        return refused if seen.denied else Fault.UNREGISTERED
    if seen.roaming and not policy.roaming:
        return Fault.ROAMING
    if seen.address is None:
        return Fault.NO_CONTEXT
    if seen.connected:
        # its keepalive may be an hour: no traffic is asked for while it stands
        return Fault.NONE
    if not seen.passes:
        return Fault.NO_DATA
    return Fault.NONE if seen.elsewhere else Fault.SERVER


def _card(state: str | None) -> Fault | None:
    if state in (None, "READY"):
        return None
    named = {"ABSENT": Fault.NO_SIM, "SIM PIN": Fault.SIM_PIN, "SIM PUK": Fault.SIM_PUK}
    return named.get(state or "", Fault.SIM_FAILED)
