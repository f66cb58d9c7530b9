"""From edges to debounced changes, and what they are: the lid's records, and STATE."""

from collections.abc import Iterable, Mapping, Sequence

from protocol.schema import UNKNOWN_DURATION
from sim.expected.bounce import Doubt, settled
from sim.expected.terms import (
    BEAMS,
    BOOT_NS,
    FOREVER,
    MS,
    TIME_NS,
    Boot,
    Change,
    Expected,
    Opening,
)
from sim.ledger import INPUTS


def state(dispenser: str, boot: Boot) -> list[Expected]:
    """Return the STATE of what was active when the boot began."""
    counted = {name for name in boot.active if "lid" in boot.active or "beam" not in name}
    counted -= set(BEAMS) if set(BEAMS) <= counted else set()  # their light is gone
    if not counted:
        return []
    mask = sum(1 << INPUTS.index(name) for name in counted)
    unclear = any(edge.t < boot.start + BOOT_NS for edge in boot.edges)
    return [
        Expected(
            dispenser, "state", (("active", mask),), boot.start, boot.start, "state",
            undecided="boot" if unclear else "", within=TIME_NS + BOOT_NS,
        )
    ]  # fmt: skip


def edges_of(boot: Boot, name: str) -> list[tuple[int, bool]]:
    """Return an input's edges of a boot, levels that change nothing left out."""
    level = name in boot.active
    edges = []
    for edge in boot.edges:
        if edge.input == name and edge.active != level:
            level = edge.active
            edges.append((edge.t, level))
    return edges


def active_at(boot: Boot, moment: int) -> set[str]:
    """Return the inputs that are active then."""
    active = set(boot.active)
    for edge in boot.edges:
        if edge.t <= moment:
            (active.add if edge.active else active.discard)(edge.input)
    return active


def changes(boot: Boot, name: str, debounce: int) -> list[Change]:
    """Return an input's debounced changes; `debounce` in ms."""
    return settled(edges_of(boot, name), name in boot.active, debounce * MS, boot.start)[0]


def doubts(boot: Boot, name: str, debounce: int) -> list[Doubt]:
    """Return when an input was not believed any more."""
    return settled(edges_of(boot, name), name in boot.active, debounce * MS, boot.start)[1]


def durations(changes: Iterable[Change], active_at_boot: bool) -> list[tuple[Change, int]]:
    """Return each change with how long it was active before (ms)."""
    since = None
    result = []
    for change in changes:
        known = since is not None
        result.append((change, (change.t - (since or 0)) // MS if known else UNKNOWN_DURATION))
        since = change.t if change.active else None
    return result


def openings(boot: Boot, lid: Sequence[Change]) -> list[Opening]:
    """Return the openings of a boot, the last one possibly without an end."""
    # the emitters are supplied only while the lid counts as open
    found = []
    opened = boot.start if "lid" in boot.active else None
    for change in [*lid, Change(FOREVER, FOREVER, False)]:
        if change.active:
            opened = change.due
        elif opened is not None:
            found.append(Opening(opened, change, opened == boot.start))
            opened = None
    return found


def lid(
    dispenser: str, boot: Boot, changes: Iterable[Change], reached: Mapping[int, int]
) -> list[Expected]:
    """Return the records of the lid; `reached` by when a closing is decided."""
    return [
        Expected(dispenser, "lid_opened", (), change.t, change.due, "lid")
        if change.active
        else Expected(
            dispenser, "lid_closed", (("compartments", reached[change.due]),),
            change.t, change.due, "lid", duration,
        )
        for change, duration in durations(changes, "lid" in boot.active)
    ]  # fmt: skip
