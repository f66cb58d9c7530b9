"""What a dispenser saw of each date, and why nothing was heard: never shown as non-adherence."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from enum import StrEnum

from protocol.schema import Fault, FaultKind, Heartbeat, Mode, Power, PowerSource, RecordType
from sim.backend.evidence.events import Event, Key

LATE_MS = 24 * 3600 * 1000
"""What was stored this much later than it happened had no way through."""
_PATIENT = (RecordType.dose, RecordType.response)
_BLINDING = (FaultKind.stuck, FaultKind.chatter, FaultKind.impossible)
"""Faults of an input: from then on it may see nothing, until the dispenser starts anew."""


class Link(StrEnum):
    """What a gateway's state said of its way to the backend."""

    ONLINE = "online"
    NO_SIGNAL = "no signal"
    NO_NETWORK = "no network"
    OFFLINE = "offline"


class Cause(StrEnum):
    """Why; `none`: there was no silence."""

    NONE = "none"
    ABSENT = "patient absent: dispenser awake and powered all day, nothing reached"
    FAULT = "device fault"
    UNPLUGGED = "unplugged"
    SIGNAL = "no signal"
    NETWORK = "network"
    GATEWAY = "gateway"
    WAITING = "not known yet: the records of that date are not complete, and nothing says why"


@dataclasses.dataclass(frozen=True, slots=True)
class LinkState:
    """A gateway's state from a moment on, in unix ms."""

    at: int
    link: Link


@dataclasses.dataclass(frozen=True)
class Silence:
    """One date. `evidence`: the records that say so; `late`: the date was complete only later.

    `whole`: every dispenser that the patient had was awake, on mains power and without fault from
    before the date to after it, and no record is missing.
    """

    date: dt.date
    cause: Cause
    evidence: list[Key]
    late: bool
    whole: bool

    @property
    def missed(self) -> bool:
        """Whether doses not recorded on this date may be called missed."""
        return self.whole


class Watch:
    """The events of one patient by date; answers for each date.

    `name` gives the date of an event, None if that is not known for sure; `links`: states of the
    gateway, if known; `around`: everything of the same dispensers, whoever's it is, which only
    tells whether a record is missing or a boot lies between.
    """

    def __init__(
        self,
        found: Sequence[Event],
        name: Callable[[Event], dt.date | None],
        links: Iterable[LinkState] = (),
        around: Iterable[Event] = (),
    ) -> None:
        self._days: dict[dt.date, list[Event]] = {}
        self._boots = {event.key: event.boot for event in (*found, *around)}
        self._power: list[tuple[dt.date, Event]] = []
        self._links = sorted(links, key=lambda state: state.at)
        self._blind = [event for event in found if _blinds(event)]
        for event in sorted(found, key=lambda event: event.key):
            date = name(event)
            if date is None:
                continue
            self._days.setdefault(date, []).append(event)
            if isinstance(event.data, Heartbeat | Power):
                self._power.append((date, event))

    def of(self, date: dt.date, end: int, holding: Collection[str]) -> Silence:
        """Classify a date that ends at unix ms `end`; `holding`: dispensers the patient had."""
        today = self._days.get(date, [])
        late = any(event.received - (event.at or 0) > LATE_MS for event in today)
        whole = bool(holding) and all(self._whole(today, each) for each in holding)
        cause, evidence = self._cause(date, today, whole)
        if cause is Cause.WAITING:
            cause = self._link(end)
        return Silence(date, cause, sorted(event.key for event in evidence), late, whole)

    def _cause(
        self, date: dt.date, today: Sequence[Event], whole: bool
    ) -> tuple[Cause, list[Event]]:
        reached = [e for e in today if e.kind in _PATIENT and e.mode == Mode.patient]
        if reached:
            return Cause.NONE, reached
        faults = [e for e in today if isinstance(e.data, Fault)] or self._blinded(today)
        if faults:
            return Cause.FAULT, faults
        cut_off = [event for event in today if _on_battery(event)]
        if cut_off:
            return Cause.UNPLUGGED, cut_off
        alive = [event for event in today if isinstance(event.data, Heartbeat)]
        if alive and whole:
            return Cause.ABSENT, alive
        before = self._before(date)
        if before is not None and _on_battery(before):
            return Cause.UNPLUGGED, [before]
        return Cause.WAITING, []

    def _whole(self, today: Sequence[Event], dispenser: str) -> bool:
        """Tell whether one boot without a record missing reaches over both ends of the date.

        Only then was the dispenser awake all day: a boot or a gap would leave hours unseen.
        """
        mine = [event for event in today if event.key.dispenser == dispenser]
        if len({(event.key.epoch, event.boot) for event in mine}) != 1:
            return False
        if any(isinstance(event.data, Fault) or _on_battery(event) for event in mine):
            return False
        first, last = mine[0].key, mine[-1].key
        wanted = (first._replace(seq=seq) for seq in range(first.seq - 1, last.seq + 2))
        return not self._blinded(mine) and all(
            self._boots.get(key) == mine[0].boot for key in wanted
        )

    def _blinded(self, today: Sequence[Event]) -> list[Event]:
        """Return the faults of inputs that are in force since earlier in the boot."""
        if not today or not self._blind:
            return []
        last = today[-1]
        boot = (last.key[:2], last.boot)
        return [e for e in self._blind if (e.key[:2], e.boot) == boot and e.key < last.key]

    def _before(self, date: dt.date) -> Event | None:
        """Return the last word on power before a date without records."""
        earlier = (event for day, event in self._power if day < date)
        return max(earlier, key=lambda event: event.at or 0, default=None)

    def _link(self, end: int) -> Cause:
        known = [state for state in self._links if state.at < end]
        return _BY_LINK[known[-1].link] if known else Cause.WAITING


def _blinds(event: Event) -> bool:
    return isinstance(event.data, Fault) and event.data.kind in _BLINDING


def _on_battery(event: Event) -> bool:
    data = event.data
    return isinstance(data, Heartbeat | Power) and data.source == PowerSource.battery


_BY_LINK = {
    Link.ONLINE: Cause.WAITING,
    Link.NO_SIGNAL: Cause.SIGNAL,
    Link.NO_NETWORK: Cause.NETWORK,
    Link.OFFLINE: Cause.GATEWAY,
}
