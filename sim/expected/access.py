"""Accesses: what a beam tells while the lid is open."""

from protocol.schema import UNKNOWN_DURATION
from sim.expected.bounce import settled
from sim.expected.inputs import active_at, edges_of
from sim.expected.terms import (
    BEAMS,
    COLLAPSE_NS,
    EPSILON,
    FOREVER,
    MS,
    SLACK_NS,
    Access,
    Boot,
    Change,
    Expected,
    Opening,
)


def beam(
    dispenser: str, boot: Boot, opening: Opening, n: int, debounce: int
) -> tuple[list[Expected], bool]:
    """Return the records of one beam in one opening, and whether it was broken at boot."""
    changes, broken = _breaks(boot, opening, f"beam{n}", debounce)
    records: list[Expected] = []
    access = Access(boot.start, 1, False) if broken else None
    for change in changes:
        if not change.active and access:
            access.whole = change.t
        elif access and change.t - (access.whole or change.t) < COLLAPSE_NS:
            access.breaks, access.whole = access.breaks + 1, None
        else:
            records += _end(dispenser, n, access, opening.closing)
            access = Access(change.t, 1, True)
            fields = (("compartment", n),)
            records.append(Expected(dispenser, "dose", fields, change.t, change.due, f"beam{n}"))
    return [*records, *_end(dispenser, n, access, opening.closing)], broken


def blind(boot: Boot, opening: Opening) -> bool:
    """Whether all beams are broken when they are lit: no hand does that, their light is gone."""
    return set(BEAMS) <= active_at(boot, opening.lit)


def _breaks(boot: Boot, opening: Opening, name: str, debounce: int) -> tuple[list[Change], bool]:
    # debounced changes while it was lit, and whether it was broken at boot
    all_edges = edges_of(boot, name)
    before = [active for t, active in all_edges if t <= opening.lit]
    broken = before[-1] if before else name in boot.active
    broken = broken and not blind(boot, opening)
    closing = opening.closing
    edges = [(t, active) for t, active in all_edges if opening.lit < t < closing.due]
    if broken and not opening.from_boot:
        edges.insert(0, (opening.lit, True))
    at_boot = broken and opening.from_boot
    changes = [
        change for change in settled(edges, at_boot, debounce * MS)[0] if change.due < closing.due
    ]
    still = changes[-1].active if changes else at_boot
    if still and closing.t != FOREVER:
        changes.append(Change(closing.t, closing.due - EPSILON, False))
    return changes, at_boot


def _end(dispenser: str, n: int, access: Access | None, closing: Change) -> list[Expected]:
    # an access is over when the lid closes or its beam has been whole for long enough
    if access is None or access.whole is None:
        return []
    due = min(closing.due - EPSILON, access.whole + COLLAPSE_NS + SLACK_NS)
    dwell = (access.whole - access.t) // MS if access.known else UNKNOWN_DURATION
    fields = (("compartment", n), ("breaks", min(access.breaks, 255)))
    return [Expected(dispenser, "dose_end", fields, access.whole, due, f"beam{n}", dwell)]
