"""All figures of one episode and period, from verified records and what people entered.

Pure: the same records, entries and moment give the same report, in whatever order they came.
"""

import dataclasses
import datetime as dt
import hashlib
import re
from collections.abc import Sequence

from sim.backend.evidence import adherence, calendar, monitored
from sim.backend.evidence.adherence import Figures, Persistence, Velocity
from sim.backend.evidence.coverage import day_start, holding, observed, plans
from sim.backend.evidence.dates import DAY_CUT, Span
from sim.backend.evidence.days import Day, Plan
from sim.backend.evidence.entries import Kind
from sim.backend.evidence.events import Event, Key, events
from sim.backend.evidence.monitored import Candidate, Days, Period, concerned
from sim.backend.evidence.programme import Programme, Whose
from sim.backend.evidence.recorded import COLLAPSE_S, Recorded, compartment_days, recorded
from sim.backend.evidence.silence import LinkState, Silence, Watch
from sim.backend.tables import VERIFIED, StoredRecord

_MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
SAYS = (
    "Access, not ingestion: a lid was opened, a compartment reached. A verified tag proves that a "
    "record is as the dispenser wrote it, not whose hand it was."
)


@dataclasses.dataclass(frozen=True)
class Compartment:
    """One compartment in the period; persistence and velocity up to its end."""

    days: list[Day]
    with_corrections: Figures
    without_corrections: Figures
    persistence: Persistence
    velocity: Velocity


@dataclasses.dataclass(frozen=True)
class Funnel:
    """How an episode began, unix ms; None: not yet. `shipped` and `activated` were entered."""

    shipped: int | None
    first_heard: int | None
    activated: int | None
    first_patient_record: int | None


@dataclasses.dataclass(frozen=True)
class Report:
    """Everything that is claimed of a period, with what it rests on.

    `digest`: SHA-256 over the records (raw bytes by key) that concern the episode. `sealed`: of
    its dispensers, neither shown nor counted. `supply`: periods that have dates in common.
    """

    episode: str
    patient: str
    site: str
    zone: str
    period: str
    span: Span
    as_of: int
    entries: int
    records: int
    digest: str
    funnel: Funnel
    counts: Days
    supply: list[tuple[Period, Candidate]]
    compartments: dict[int, Compartment]
    calendar: list[calendar.Date]
    recorded: Recorded
    sealed: dict[Whose, int]


@dataclasses.dataclass(frozen=True)
class Basis:
    """What a report is made from; `now`: unix ms, records stored later are not looked at.

    `rows`: records of the episode's dispensers at least.
    """

    programme: Programme
    rows: Sequence[StoredRecord]
    now: int
    links: Sequence[LinkState] = ()
    cut: dt.time = DAY_CUT
    within_s: int = COLLAPSE_S


class PeriodError(ValueError):
    """There is no such period; one line."""


class Evidence:
    """The evidence of one episode. Raises KeyError for an unknown one."""

    def __init__(self, basis: Basis, episode: str) -> None:
        self.basis = basis
        self.episode = episode
        self.programme = basis.programme
        self.zone = self.programme.zone(episode)
        named = self.programme.dispensers(episode)
        rows = (row for row in basis.rows if row.dispenser in named)
        self._rows = [row for row in rows if row.stored_at // 1000 <= basis.now]
        self.events = events(self._rows)
        self.counts = monitored.days(self.programme, episode, self.events)
        self.recorded = recorded(self.programme, episode, self.events, basis.cut, basis.within_s)
        self.mine = [
            event
            for event, whose in concerned(self.programme, episode, self.events)
            if whose is not Whose.NO_TIME
        ]
        self.spans = observed(self.programme, episode, basis.cut, basis.now)
        self.silences = self._silences()
        self.days = self._days(plans(self.programme, episode, self.spans))
        self.calendar = calendar.calendar(self.days, self.silences)

    @property
    def today(self) -> dt.date:
        """The civil date of the moment, in the patient's zone."""
        return dt.datetime.fromtimestamp(self.basis.now / 1000, self.zone).date()

    def supply(self) -> list[Period]:
        """Return the supply periods up to now."""
        return monitored.periods(self.counts.monitored, self.today)

    def funnel(self) -> Funnel:
        """Return how the episode began."""
        heard = [event.at for event in self.mine if event.at is not None]
        keys = {key for keys in self.counts.monitored.values() for key in keys}
        mine = [e.at for e in self.mine if e.at is not None and e.key in keys]
        return Funnel(
            self._entered(Kind.SHIPPED),
            min(heard, default=None),
            self._entered(Kind.ACTIVATION),
            min(mine, default=None),
        )

    def report(self, period: str) -> Report:
        """Return the report of a supply period (its number) or a month (YYYY-MM).

        Raises PeriodError if there is no such period.
        """
        span = self._span(period)
        entry = self.programme.only(Kind.EPISODE, self.episode)[0]
        patient, site, zone = entry.value.split()
        records, digest = self._digest()
        return Report(
            *(self.episode, patient, site, zone, period, span, self.basis.now),
            entries=self.programme.count,
            records=records,
            digest=digest,
            funnel=self.funnel(),
            counts=_within(self.counts, span),
            supply=[(each, self._candidate(each)) for each in self.supply() if _meet(each, span)],
            compartments={n: self._compartment(n, days, span) for n, days in self.days.items()},
            calendar=[date for date in self.calendar if date.date in span],
            recorded=_accesses_within(self.recorded, span),
            sealed=self._sealed(),
        )

    def _entered(self, kind: Kind) -> int | None:
        return min(
            (entry.start for entry in self.programme.only(kind, self.episode)), default=None
        )

    def _silences(self) -> dict[dt.date, Silence]:
        cut = self.basis.cut

        def name(event: Event) -> dt.date | None:
            return event.day(self.zone, cut)

        watch = Watch(self.mine, name, self.basis.links, self.events)
        found = {}
        for date in (date for span in self.spans for date in span.dates()):
            start = day_start(date, self.zone, cut)
            end = day_start(date + dt.timedelta(days=1), self.zone, cut)
            found[date] = watch.of(date, end, holding(self.programme, self.episode, start, end))
        return found

    def _days(self, plan: dict[int, Plan]) -> dict[int, list[Day]]:
        unseen = {date for date, silence in self.silences.items() if not silence.missed}
        return compartment_days(plan, self.recorded, unseen)

    def _compartment(self, number: int, days: Sequence[Day], span: Span) -> Compartment:
        inside = [day for day in days if day.date in span]
        before = [day for day in days if day.date <= span.end]
        accesses = [
            access for access in self.recorded.accesses.get(number, ()) if access.date <= span.end
        ]
        activated = self._entered(Kind.ACTIVATION)
        since = None if activated is None else dt.datetime.fromtimestamp(activated / 1000, dt.UTC)
        return Compartment(
            inside,
            adherence.figures(inside, accesses),
            adherence.figures(inside, accesses, corrected=False),
            adherence.persistence(before),
            adherence.velocity(before, accesses, since),
        )

    def _span(self, period: str) -> Span:
        if period.isascii() and period.isdecimal():
            known = {str(each.number): each for each in self.supply()}
            if period not in known:
                raise PeriodError(f"period {period}: {len(known)} supply periods so far")
            return Span(known[period].start, known[period].end)
        if not _MONTH.fullmatch(period):
            raise PeriodError(
                f"period {period[:20]!r}: neither a supply period's number nor a month YYYY-MM"
            )
        first = dt.date.fromisoformat(f"{period}-01")
        following = (first + dt.timedelta(days=31)).replace(day=1)
        return Span(first, following - dt.timedelta(days=1))

    def _candidate(self, period: Period) -> Candidate:
        return monitored.candidate(self.programme, self.episode, period)

    def _sealed(self) -> dict[Whose, int]:
        sealed = self.programme.sealed(self.events)
        return {whose: sealed[whose] for whose in sorted(sealed)}

    def _digest(self) -> tuple[int, str]:
        mine = {event.key for event in self.mine}
        raws = sorted(
            (Key(row.dispenser, row.epoch, row.seq), row.raw)
            for row in self._rows
            if row.status == VERIFIED
        )
        kept = [raw for key, raw in raws if key in mine]
        return len(kept), hashlib.sha256(b"".join(kept)).hexdigest()


def _within(counts: Days, span: Span) -> Days:
    return dataclasses.replace(
        counts,
        monitored={date: keys for date, keys in counts.monitored.items() if date in span},
        lid_only=[date for date in counts.lid_only if date in span],
        alive=[date for date in counts.alive if date in span],
        received=list(counts.received),
    )


def _accesses_within(found: Recorded, span: Span) -> Recorded:
    inside = {
        number: [access for access in accesses if access.date in span]
        for number, accesses in found.accesses.items()
    }
    return dataclasses.replace(found, accesses=inside)


def _meet(period: Period, span: Span) -> bool:
    return period.start <= span.end and span.start <= period.end
