"""The patient's day: dose windows, reminders, questions and what answers them.

| what happens                                    | record                                        |
|-------------------------------------------------|-----------------------------------------------|
| a window opens, and nothing was taken           | REMINDER(light)                               |
| 10 min or a third of it later                   | REMINDER(chime), unless quiet                 |
| 30 min or two thirds later                      | REMINDER(stopped)                             |
| it closes unused                                | WINDOW_MISSED                                 |
| access: first of its window / again / another   | DOSE in_window / excess / wrong_compartment   |
| compartment is due / no window                  | / out_of_window                               |
| minutes after an access, or at a set time       | PROMPT_SHOWN, at most `sets` a day            |
| nobody answers                                  | PROMPT_EXPIRED(timeout), or (power) at a boot |
| a button while it is lit                        | RESPONSE to it; a correction goes with it     |

What a boot or a refill does to a window that it falls into is left undecided. Prompts are numbered
from 1 in their order: the dispenser's own ids are its choice.
"""

import dataclasses
from collections.abc import Iterable, Sequence

from protocol.schema import TIME_BASE, Mode, Relation, ReminderStep, Settings, Window
from sim.expected.questions import Questions
from sim.expected.terms import BOOT_NS, FOREVER, MS, Boot, Expected
from sim.expected.zone import local, moment

SECOND_NS = 1000 * MS
STEP_NS = 1_500 * MS
_EDGE_NS = 3 * SECOND_NS
"""So near to a window's edge it is open on which side an access is."""


@dataclasses.dataclass(slots=True)
class Turn:
    """One window of one day, in ns: and when something was taken from it."""

    window: Window
    start: int
    end: int
    taken: int = FOREVER

    def near_edge(self, t: int) -> bool:
        """Whether it is open by the moment whether it is open."""
        return min(abs(t - self.start), abs(t - self.end)) < _EDGE_NS


def days(
    dispenser: str,
    lives: Sequence[Boot],
    table: Sequence[Expected],
    settings: Settings,
    end_ns: int,
) -> list[Expected]:
    """Return the table's records with relations and questions, and all that the day adds."""
    turns = list(_turns(settings, lives[0].start, end_ns))
    related = [_related(r, turns) if r.kind == "dose" else r for r in table]
    found: list[Expected] = []
    for turn in turns:
        found += _reminded(dispenser, turn, settings, lives, related)
    asked = Questions(dispenser, settings)
    for n, boot in enumerate(lives):
        own = [record for record in related if record.boot == n]
        found += asked.play(n, boot, own, min(boot.end, end_ns))
    return [*found, *(r for r in related if r.kind != "response")]


def _turns(settings: Settings, begin: int, end: int) -> Iterable[Turn]:
    first, last = local(settings, begin)[0], local(settings, end)[0]
    for day in range(first - 1, last + 1):
        for window in settings.windows:
            if window.weekdays >> day % 7 & 1:
                start = moment(settings, day, window.start)
                turn = Turn(window, start, start + window.length * 60 * SECOND_NS)
                if turn.start >= begin:
                    yield turn


def _related(record: Expected, turns: Sequence[Turn]) -> Expected:
    if record.mode != int(Mode.patient):
        return _with(record, 0, Relation.none, False)
    opened = [turn for turn in turns if turn.start <= record.t < turn.end]
    unsure = any(turn.near_edge(record.t) for turn in turns)
    compartment = dict(record.fields)["compartment"]
    own = [turn for turn in opened if turn.window.compartment == compartment]
    fresh = [turn for turn in own if turn.taken == FOREVER]
    others = [turn for turn in opened if turn not in own and turn.taken == FOREVER]
    if fresh:
        fresh[0].taken = record.due
        return _with(record, fresh[0].window.number, Relation.in_window, unsure)
    if own:
        return _with(record, own[0].window.number, Relation.excess, unsure)
    if others:
        return _with(record, others[0].window.number, Relation.wrong_compartment, unsure)
    return _with(record, 0, Relation.out_of_window, unsure)


def _with(record: Expected, window: int, relation: Relation, unsure: bool) -> Expected:
    fields = (*record.fields, ("window", window), ("relation", int(relation)))
    undecided = record.undecided or ("edge" if unsure else "")
    return dataclasses.replace(record, fields=fields, undecided=undecided)


def _reminded(
    dispenser: str,
    turn: Turn,
    settings: Settings,
    lives: Sequence[Boot],
    table: Sequence[Expected],
) -> Iterable[Expected]:
    number = next((n for n, boot in enumerate(lives) if boot.start <= turn.start < boot.end), -1)
    clean = number >= 0 and lives[number].start + BOOT_NS < turn.start
    clean = clean and turn.end + STEP_NS < lives[number].end
    clean = clean and not any(
        record.kind == "refill" and turn.start <= record.due <= turn.end and record.mode
        for record in table
    )
    for t, kind, fields in _steps(turn, settings):
        near = abs(turn.taken - t) < STEP_NS
        if turn.taken > t or near:
            yield Expected(
                dispenser, kind, fields, t, t, kind, boot=max(number, 0), within=STEP_NS,
                undecided="" if clean and not near else "window",
            )  # fmt: skip


def _steps(
    turn: Turn, settings: Settings
) -> Iterable[tuple[int, str, tuple[tuple[str, int], ...]]]:
    length = turn.end - turn.start
    chime = turn.start + min(600 * SECOND_NS, length // 3)
    stopped = turn.start + min(1800 * SECOND_NS, length * 2 // 3)
    number = turn.window.number
    level = settings.reminders if settings.volume else min(settings.reminders, 1)
    for t, step, least in (
        (turn.start, ReminderStep.light, 1),
        (chime, ReminderStep.chime, 2),
        (stopped, ReminderStep.stopped, 1),
    ):
        if level >= least and not _silent(settings, turn, t, step):
            yield t, "reminder", (("window", number), ("step", int(step)))
    missed = (("window", number), ("compartment", turn.window.compartment))
    yield turn.end, "window_missed", (*missed, ("start", turn.start // SECOND_NS - TIME_BASE))


def _silent(settings: Settings, turn: Turn, t: int, step: ReminderStep) -> bool:
    minute = local(settings, t)[1] // 60
    start, end = settings.quiet_start, settings.quiet_end
    quiet = start <= minute < end if start <= end else minute >= start or minute < end
    return quiet and (step == ReminderStep.chime or not turn.window.in_quiet)
