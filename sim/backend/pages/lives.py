"""How patients of the demonstration live: what each day leaves in a journal, from a seed."""

import dataclasses
import datetime as dt
import random
from enum import StrEnum

from protocol.schema import (
    Dose,
    DoseEnd,
    ExpiryReason,
    Fault,
    FaultKind,
    Heartbeat,
    LidClosed,
    LidOpened,
    Mode,
    Power,
    PowerSource,
    PromptExpired,
    PromptShown,
    Refill,
    RefillAction,
    RefillCause,
    Relation,
    Response,
    Trigger,
)
from sim.backend.pages.journal import Journal

_QUESTION = 1
_REST_MV = 4500
_HEARTBEATS = (4, 10, 16, 22)


class Story(StrEnum):
    """What is told by a patient's thirty days."""

    REGULAR = "regular"
    FORGETFUL = "forgetful"
    TWICE = "two compartments, evenings forgotten now and then"
    DRIFTING = "drifting away: six missed days at the end"
    FLARE = "worse symptoms, then missed days"
    TRIPLE = "three times on some days, none on the next"
    REFILLING = "a refill that nobody announced"
    UNPLUGGED = "unplugged for the last six days"
    UNREACHED = "nothing came through for five days"
    BLIND = "a beam is stuck"
    HOSPITAL = "in hospital for a week"
    NEW = "began four days ago"


@dataclasses.dataclass
class Life:
    """One patient at one dispenser; `days` from the first, at 0, to the last."""

    story: Story
    journal: Journal
    rng: random.Random
    zone: dt.tzinfo
    days: int
    prompts: int = 0

    def live(self, number: int, date: dt.date) -> bool:
        """Write a day into the journal; False if nothing of it gets through that evening."""
        left = self.days - 1 - number
        if self.story is Story.UNPLUGGED and left < 6:
            if left == 5:
                self._write(date, 9.5, Power(PowerSource.battery, 4200))
            return left == 5
        if number % 7 == 0:
            self.journal.set_clock(self._at(date, 3.1))
        if self.story is Story.BLIND and left == 2:
            self._write(date, 3.5, Fault(FaultKind.stuck, 1, 1))
        pending: list[tuple[float, int]] = self._visits(number, left)
        for beat in _HEARTBEATS:
            pending.append((float(beat), 0))
        for hour, compartment in sorted(pending):
            if compartment:
                self._visit(date, hour, compartment, number, left)
            else:
                self._beat(date, hour)
        return not (self.story is Story.UNREACHED and left < 5)

    def _visits(self, number: int, left: int) -> list[tuple[float, int]]:
        morning = (8.0 + self.rng.gauss(0, 0.3), 1)
        evening = (19.5 + self.rng.gauss(0, 0.5), 2)
        luck = self.rng.random()
        match self.story:
            case Story.FORGETFUL:
                return [] if luck < 0.25 else [morning]
            case Story.TWICE:
                return [morning] if luck < 0.2 else [morning, evening]
            case Story.DRIFTING:
                return [] if left < 6 or luck < 0.04 * (number - 12) else [morning]
            case Story.FLARE:
                return [] if left in (0, 1, 3) else [morning]
            case Story.TRIPLE if number % 6 == 2:
                return [morning, (12.0, 1), (15.0, 1)]
            case Story.TRIPLE if number % 6 == 3:
                return []
            case Story.REFILLING if left == 4:
                return [(9.0, 1), (9.01, 2), (9.02, 3)]
            case Story.BLIND if left <= 2:
                return []
            case Story.HOSPITAL if 10 <= number < 17:
                return []
        return [] if luck < 0.02 else [morning]

    def _visit(self, date: dt.date, hour: float, compartment: int, number: int, left: int) -> None:
        reach = hour + 8 / 3600
        relation = Relation.in_window if compartment < 3 else Relation.none
        self._write(date, hour, LidOpened(1))
        self._write(date, reach, Dose(1, compartment, 1, relation))
        self._write(date, reach + 4 / 3600, DoseEnd(1, compartment, 4000, 1))
        if self.story is Story.REFILLING and left == 4 and compartment == 3:
            self._write(
                date, reach + 5 / 3600, Refill(1, RefillAction.possible, RefillCause.pattern, 7)
            )
        self._write(date, reach + 6 / 3600, LidClosed(1, 14_000, 1 << compartment - 1))
        if compartment == 1 and hour < 11:
            self._ask(date, reach + 0.05, number, left)

    def _ask(self, date: dt.date, hour: float, number: int, left: int) -> None:
        self.prompts += 1
        self._write(date, hour, PromptShown(1, _QUESTION, self.prompts, Trigger.after_dose))
        if self.rng.random() < 0.12:
            expired = PromptExpired(1, _QUESTION, self.prompts, ExpiryReason.timeout)
            self._write(date, hour + 1, expired)
            return
        answer = Response(1, self._feels(number, left), _QUESTION, self.prompts, 0)
        self._write(date, hour + self.rng.uniform(0.01, 0.2), answer)

    def _feels(self, number: int, left: int) -> int:
        if self.story is Story.FLARE:
            return max(1, min(4, 5 - left // 2)) if left < 8 else 1
        if self.story is Story.DRIFTING:
            return min(3, 1 + number // 10)
        return self.rng.choices((0, 1, 2), (5, 4, 1))[0]

    def _beat(self, date: dt.date, hour: float) -> None:
        beat = Heartbeat(1, 120_000, 900, _REST_MV, PowerSource.usb, 62, 3600, 20)
        self._write(date, hour, beat)

    def _write(self, date: dt.date, hour: float, data: object) -> None:
        self.journal.write(self._at(date, hour), data, Mode.patient)  # type: ignore[arg-type]

    def _at(self, date: dt.date, hour: float) -> dt.datetime:
        midnight = dt.datetime.combine(date, dt.time(), self.zone)
        return midnight + dt.timedelta(seconds=round(hour * 3600, 3))
