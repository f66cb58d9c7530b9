"""What a person needs to see of a patient in five seconds, from the evidence and nothing else."""

import dataclasses
import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from enum import IntEnum

from protocol.schema import Fault, Response
from sim.backend.evidence.calendar import Date, Mark
from sim.backend.evidence.dates import adherence_day, local
from sim.backend.evidence.entries import Kind, regimen_of
from sim.backend.evidence.events import Event, Key
from sim.backend.evidence.monitored import Period
from sim.backend.evidence.prompts import answers
from sim.backend.evidence.report import Evidence
from sim.backend.evidence.silence import Cause

SHOWN_DAYS = 30
SEVERE = 3
"""From this button on a person has to look: 3 severe, 4 very severe (docs/protocol.md)."""
_ALARMING = 2
"""Dates in a row, missed or silent, from which on a person has to look."""
_DAY = dt.timedelta(days=1)


class Need(IntEnum):
    """Who needs a look, the most urgent last."""

    QUIET = 0
    DECIDE = 1
    DISPENSER = 2
    PATIENT = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """An open item; `name` is the value of the entry `reviewed` that closes it.

    `last`: its last date, None while it lasts; `gravest`: nothing of its need comes before it.
    """

    name: str
    need: Need
    text: str
    since: dt.date
    last: dt.date | None = None
    gravest: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Square:
    """A date of the calendar; `mark` None: not observed, or not over yet."""

    date: dt.date
    mark: Mark | None
    accesses: int
    excess: int
    cause: Cause | None


@dataclasses.dataclass(frozen=True, slots=True)
class Symptom:
    """The worst answer of a date, 0 none to 4 very severe; whether a question had asked for it."""

    date: dt.date
    worst: int
    prompted: bool


@dataclasses.dataclass(frozen=True)
class Glance:
    """One patient. Times are on the patient's wall clock; `heard`: any record, `last`: an access.

    `squares`: the last 30 dates, today at the end. `cause`: of the dates
    that are not known up to now, if there are two or more; `period`: the current supply period,
    `before` the one before it; `due`: accesses expected today by compartment.
    """

    episode: str
    patient: str
    site: str
    zone: str
    today: dt.date
    last: dt.datetime | None
    heard: dt.datetime | None
    squares: list[Square]
    symptoms: list[Symptom]
    items: list[Item]
    cause: Cause | None
    period: Period | None
    before: Period | None
    due: dict[int, int]

    @property
    def need(self) -> Need:
        """The most urgent open item's."""
        return max((item.need for item in self.items), default=Need.QUIET)

    @property
    def days_since(self) -> int | None:
        """Civil dates since the last access, None if there was none."""
        return None if self.last is None else (self.today - self.last.date()).days


def glance(evidence: Evidence) -> Glance:
    """Return what is to be seen of an episode at the evidence's moment."""
    zone, now = evidence.zone, evidence.basis.now
    patient, site, zone_name = evidence.programme.only(Kind.EPISODE, evidence.episode)[
        0
    ].value.split()
    day = adherence_day(now, zone, evidence.basis.cut)
    taken = [each.at for accesses in evidence.recorded.accesses.values() for each in accesses]
    heard = [event.at for event in evidence.mine if event.at is not None]
    known = {date.date: date for date in evidence.calendar}
    dates = [day - n * _DAY for n in range(SHOWN_DAYS - 1, -1, -1)]
    supply = evidence.supply()
    silent = _trailing(evidence.calendar, Mark.SILENT)
    return Glance(
        episode=evidence.episode,
        patient=patient,
        site=site,
        zone=zone_name,
        today=local(now, zone).date(),
        last=max(taken).astimezone(zone) if taken else None,
        heard=local(max(heard), zone) if heard else None,
        squares=[_square(date, known.get(date), evidence) for date in dates],
        symptoms=[symptom for symptom in _symptoms(evidence) if symptom.date >= dates[0]],
        items=_open(evidence),
        cause=silent[-1].silence.cause if len(silent) >= _ALARMING else None,
        period=supply[-1] if supply else None,
        before=supply[-2] if len(supply) > 1 else None,
        due=_due(evidence, day),
    )


def _due(evidence: Evidence, day: dt.date) -> dict[int, int]:
    due: dict[int, int] = {}
    for entry in evidence.programme.only(Kind.REGIMEN, evidence.episode):
        found = regimen_of(entry, day)
        if found is not None and day in found[1].span:
            due[found[0]] = found[1].expected_on(day)
    return {compartment: due[compartment] for compartment in sorted(due)}


def _square(date: dt.date, known: Date | None, evidence: Evidence) -> Square:
    if known is None:
        parts = evidence.recorded.accesses.values()
        return Square(date, None, sum(a.date == date for part in parts for a in part), 0, None)
    cause = known.silence.cause if known.mark is Mark.SILENT else None
    return Square(date, known.mark, known.accesses, known.excess, cause)


def _symptoms(evidence: Evidence) -> list[Symptom]:
    """Return the worst answer of each date; one to a question counts before an unprompted one."""
    found = answers(evidence.mine)
    prompted = [each.response for each in found.prompts if each.response is not None]
    worst: dict[dt.date, Symptom] = {}
    for asked, several in ((False, found.unprompted), (True, prompted)):
        for event in several:
            date = event.date(evidence.zone)
            if date is None or not isinstance(event.data, Response):
                continue
            known = worst.get(date)
            if known is None or (asked, event.data.button) >= (known.prompted, known.worst):
                worst[date] = Symptom(date, event.data.button, asked)
    return [worst[date] for date in sorted(worst)]


def _trailing(dates: Sequence[Date], mark: Mark) -> list[Date]:
    """Return the dates at the end that have this mark; what nothing was due on does not count."""
    due = [date for date in dates if date.mark is not Mark.NOT_DUE]
    return list(itertools.takewhile(lambda date: date.mark is mark, reversed(due)))[::-1]


def _open(evidence: Evidence) -> list[Item]:
    entries = evidence.programme.only(Kind.REVIEWED, evidence.episode)
    reviewed = {entry.value for entry in entries}
    every = [*_missed(evidence), *_severe(evidence), *_silent(evidence)]
    every += [*_faults(evidence), *_refills(evidence)]
    left = [item for item in every if item.name not in reviewed]
    return sorted(left, key=lambda item: (-item.need, -item.gravest, every.index(item)))


def _missed(evidence: Evidence) -> Iterator[Item]:
    """Give the run of missed dates at the end; what is silent after it does not end it."""
    known = [date for date in evidence.calendar if date.mark is not Mark.SILENT]
    run = _trailing(known, Mark.MISSED)
    if len(run) >= _ALARMING:
        text = f"No access for {len(run)} days, the dispenser was awake"
        yield Item(f"missed {run[0].date}", Need.PATIENT, text, run[0].date, run[-1].date)


def _severe(evidence: Evidence) -> Iterator[Item]:
    """Give the severe answers of the last seven dates, the newest of each date."""
    since = evidence.today - 7 * _DAY
    by_date: dict[dt.date, Event] = {}
    for event in evidence.mine:
        date = event.date(evidence.zone)
        if date is None or date < since or not isinstance(event.data, Response):
            continue
        if event.data.button >= SEVERE:
            by_date[date] = event
    for date, event in by_date.items():
        very = isinstance(event.data, Response) and event.data.button > SEVERE
        text = f"Answer: {'very severe' if very else 'severe'}"
        yield Item(f"severe {_name(event.key)}", Need.PATIENT, text, date, date, very)


def _silent(evidence: Evidence) -> Iterator[Item]:
    run = _trailing(evidence.calendar, Mark.SILENT)
    if len(run) >= _ALARMING:
        cause = run[-1].silence.cause
        text = f"Not known for {len(run)} days: {_why(cause)}"
        yield Item(f"silent {run[0].date}", Need.DISPENSER, text, run[0].date)


def _faults(evidence: Evidence) -> Iterator[Item]:
    for event in evidence.mine:
        date = event.date(evidence.zone)
        if isinstance(event.data, Fault) and date is not None:
            text = f"Device fault: {event.data.kind.name.replace('_', ' ')}"
            yield Item(f"fault {_name(event.key)}", Need.DISPENSER, text, date)


def _refills(evidence: Evidence) -> Iterator[Item]:
    by_key = {event.key: event for event in evidence.mine}
    for key in evidence.recorded.undecided:
        date = by_key[key].date(evidence.zone) if key in by_key else None
        if date is not None:
            text = "Was this opening a refill? A person decides"
            yield Item(f"refill {_name(key)}", Need.DECIDE, text, date, date)


def _name(key: Key) -> str:
    return f"{key.dispenser} {key.epoch} {key.seq}"


def _why(cause: Cause) -> str:
    return "nothing says why" if cause is Cause.WAITING else short(cause)


def short(cause: Cause) -> str:
    """Return a cause in a word or two."""
    return cause.value.split(":")[0]
