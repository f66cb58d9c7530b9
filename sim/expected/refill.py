"""Refills: begun by the service button, or only to be suspected."""

import dataclasses
from collections.abc import Iterable, Sequence

from protocol.schema import RefillAction, RefillCause
from sim.expected.inputs import changes
from sim.expected.terms import (
    CLOSED_NS,
    EPSILON,
    FOREVER,
    REFILL_NS,
    SLACK_NS,
    SUSPECT_NS,
    SUSPECT_REACHED,
    TIME_NS,
    Boot,
    Change,
    Expected,
    Opening,
)

Reached = tuple[int, int, int]
"""An access: when it is decided, when it began, its compartment."""


@dataclasses.dataclass(frozen=True, slots=True)
class Refill:
    """A time in refill mode: `start` to `end`; `t` and `end_t` are what its records tell."""

    t: int
    start: int
    end_t: int
    end: int
    cause: RefillCause

    def holds(self, moment: int) -> bool:
        """Whether a record decided at that moment is of this refill."""
        return self.start <= moment <= self.end


def refills(boot: Boot, lid: Sequence[Change], debounce: int) -> list[Refill]:
    """Return the refills of a boot, in order."""
    presses = [change for change in changes(boot, "service", debounce) if change.active]
    found: list[Refill] = []
    for press in presses:
        if found and press.due <= found[-1].end:
            continue  # it ended that one
        found.append(_refill(press, [p for p in presses if p.due > press.due], lid))
    return found


def _refill(begin: Change, later: Sequence[Change], lid: Sequence[Change]) -> Refill:
    ends = [(begin.due + REFILL_NS, RefillCause.timeout, begin.due + REFILL_NS)]
    ends += [(press.due, RefillCause.button, press.t) for press in later[:1]]
    moves = [move for move in lid if move.due > begin.due]
    for n, move in enumerate(moves):
        end = move.t + CLOSED_NS
        again = moves[n + 1].due if n + 1 < len(moves) else FOREVER
        if not move.active and end < again:
            ends.append((end, RefillCause.lid_closed, end))
            break
    end, cause, told = min(ends)
    return Refill(begin.t, begin.due, told, end, cause)


def service(
    dispenser: str, found: Iterable[Refill], openings: Sequence[tuple[Opening, Sequence[Reached]]]
) -> list[Expected]:
    """Return the records of refills that somebody began."""
    records = []
    for refill in found:
        for t, due, action, cause in (
            (refill.t, refill.start, RefillAction.started, RefillCause.button),
            (refill.end_t, refill.end, RefillAction.ended, refill.cause),
        ):
            mask = _reached(openings, due)
            within = TIME_NS if cause == RefillCause.button else SLACK_NS + TIME_NS
            fields = _fields(action, cause, mask)
            records.append(Expected(dispenser, "refill", fields, t, due, "service", within=within))
    return records


def suspected(
    dispenser: str, opening: Opening, accesses: Sequence[Reached], found: Sequence[Refill]
) -> list[Expected]:
    """Return what is suspected of an opening, once: by its third compartment or by its length."""
    late = opening.lit + SUSPECT_NS
    t = due = late
    for at, (decided, began, _) in enumerate(accesses):
        many = mask_of(n for _, _, n in accesses[: at + 1]).bit_count() >= SUSPECT_REACHED
        if decided < late and many:
            t, due = began, decided + EPSILON
            break
    for refill in found:
        if refill.start <= due <= refill.end:
            t = due = refill.end + EPSILON
    early = due != late or due > late
    if opening.closing.due < due + (0 if early else SLACK_NS):
        return []
    fields = _fields(RefillAction.possible, RefillCause.pattern, _mask_at(accesses, due))
    within = SLACK_NS + 3 * TIME_NS
    return [Expected(dispenser, "refill", fields, t, due, "refill", within=within)]


def mask_of(compartments: Iterable[int]) -> int:
    """Return compartments 1 to 4 as bits."""
    return sum(1 << n - 1 for n in set(compartments))


def _mask_at(accesses: Iterable[Reached], moment: int) -> int:
    return mask_of(n for due, _, n in accesses if due <= moment)


def _reached(openings: Iterable[tuple[Opening, Sequence[Reached]]], moment: int) -> int:
    for opening, accesses in openings:
        if opening.lit <= moment < opening.closing.due:
            return _mask_at(accesses, moment)
    return 0


def _fields(action: RefillAction, cause: RefillCause, mask: int) -> tuple[tuple[str, int], ...]:
    return (("action", int(action)), ("cause", int(cause)), ("compartments", mask))
