"""Why nothing was heard on a date: said with its evidence, never shown as non-adherence."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence
from enum import StrEnum

from protocol.schema import Fault, Heartbeat, Mode, Power, PowerSource, RecordType
from sim.backend.evidence.events import Event, Key

LATE_MS = 24 * 3600 * 1000
"""What was stored this much later than it happened had no way through."""
_PATIENT = (RecordType.dose, RecordType.response)


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

    `missed` may be claimed only where the cause is that the patient was absent.
    """

    date: dt.date
    cause: Cause
    evidence: list[Key]
    late: bool

    @property
    def missed(self) -> bool:
        """Whether doses not recorded on this date may be called missed."""
        return self.cause in (Cause.NONE, Cause.ABSENT)


def silence(
    date: dt.date, zone: dt.tzinfo, found: Sequence[Event], links: Iterable[LinkState] = ()
) -> Silence:
    """Classify one civil date of one patient's dispenser from all of its events.

    `found` by key, `links`: of its gateway, if known. Only what is placed on that date for sure
    tells of it.
    """
    today = [event for event in found if event.date(zone) == date]
    late = any(event.received - (event.at or 0) > LATE_MS for event in today)
    cause, evidence = _cause(today, _before(found, today, date, zone), found)
    if cause is Cause.WAITING:
        cause = _link(date, zone, links)
    return Silence(date, cause, sorted(event.key for event in evidence), late)


def _cause(
    today: Sequence[Event], before: Event | None, found: Sequence[Event]
) -> tuple[Cause, list[Event]]:
    reached = [e for e in today if e.kind in _PATIENT and e.mode == Mode.patient]
    if reached:
        return Cause.NONE, reached
    faults = [event for event in today if isinstance(event.data, Fault)]
    if faults:
        return Cause.FAULT, faults
    cut_off = [event for event in today if _on_battery(event)]
    if cut_off:
        return Cause.UNPLUGGED, cut_off
    alive = [event for event in today if isinstance(event.data, Heartbeat)]
    if alive and _whole(today, found):
        return Cause.ABSENT, alive
    if before is not None and _on_battery(before):
        return Cause.UNPLUGGED, [before]
    return Cause.WAITING, []


def _whole(today: Sequence[Event], found: Sequence[Event]) -> bool:
    """Tell whether one boot without a record missing reaches over both ends of the date.

    Only then was the dispenser awake all day: a boot or a gap would leave hours unseen.
    """
    streams = {(event.key[:2], event.boot) for event in today}
    if len(streams) != 1:
        return False
    first, last = today[0].key, today[-1].key
    around = {event.key: event.boot for event in found}
    wanted = [first._replace(seq=seq) for seq in range(first.seq - 1, last.seq + 2)]
    return all(around.get(key) == today[0].boot for key in wanted)


def _on_battery(event: Event) -> bool:
    data = event.data
    return isinstance(data, Heartbeat | Power) and data.source == PowerSource.battery


def _before(
    found: Sequence[Event], today: Sequence[Event], date: dt.date, zone: dt.tzinfo
) -> Event | None:
    """Return the last word on power before a date without records."""
    if today:
        return None
    told = [event for event in found if isinstance(event.data, Heartbeat | Power)]
    earlier = [event for event in told if (day := event.date(zone)) is not None and day < date]
    return max(earlier, key=lambda event: event.at or 0, default=None)


def _link(date: dt.date, zone: dt.tzinfo, links: Iterable[LinkState]) -> Cause:
    end = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), zone)
    known = [state for state in links if state.at < end.timestamp() * 1000]
    last = max(known, key=lambda state: state.at, default=None)
    return Cause.WAITING if last is None else _BY_LINK[last.link]


_BY_LINK = {
    Link.ONLINE: Cause.WAITING,
    Link.NO_SIGNAL: Cause.SIGNAL,
    Link.NO_NETWORK: Cause.NETWORK,
    Link.OFFLINE: Cause.GATEWAY,
}
