"""What records physical stimuli must become: the table that the store is judged by.

Made from the hardware's data and the record's definition alone; nothing of the firmware is used.
Times are true times in Unix ns. An edge counts when its input then stays for the debounce time:

| stimulus                        | record                                                    |
|---------------------------------|-----------------------------------------------------------|
| lid opens / closes              | LID_OPENED / LID_CLOSED(duration)                         |
| beam broken / whole, lid open   | DOSE(compartment) / DOSE_END(compartment, dwell)          |
| lid closes, beam broken         | DOSE_END, then LID_CLOSED                                 |
| button pressed / released       | RESPONSE(button), unprompted / nothing                    |
| active when a boot begins       | one STATE(mask); the end of it has UNKNOWN_DURATION       |
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from hardware import board
from protocol.schema import UNKNOWN_DURATION
from sim.ledger import INPUTS, Entry, LedgerError, Power, Stimulus, only

MS = 1_000_000
WRITE_NS = 250 * MS
"""Longest a record may take from debounced to flash: the dispenser's bound between two feeds."""
BOOT_NS = 2_000 * MS
"""Longest from power to the first look at the inputs."""
TIME_NS = 1_000 * MS
"""How far a record's time may be from the true one."""
_EPSILON = 1
_FOREVER = 1 << 63

Fields = tuple[tuple[str, int], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """A record that must be there, or may be if `undecided` says why.

    `t` is the true time the record must tell, `due` when it is decided (the order of seqs),
    `duration` in ms, None where its kind has none; `input` is the one that caused it; `boot`
    counts the dispenser's boots.
    """

    dispenser: str
    kind: str
    fields: Fields
    t: int
    due: int
    input: str
    duration: int | None = None
    undecided: str = ""
    within: int = TIME_NS
    boot: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Boot:
    """One run of the app: from `start` to `end`; `active` are the inputs that were so then."""

    start: int
    end: int
    active: frozenset[str]
    edges: tuple[Stimulus, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A debounced change: the edge that began it, and when it counts."""

    t: int
    due: int
    active: bool


def debounce_ms(name: str = "pico") -> dict[str, int]:
    """Return the debounce time of each input (ms) from the board's data."""
    return {name: part.debounce_ms for name, part in board.load(name).inputs.items()}


def expected_records(entries: Sequence[Entry], debounce: Mapping[str, int]) -> list[Expected]:
    """Return what each dispenser's records must be, in the order of their seqs."""
    dispensers = sorted({power.dispenser for power in only(Power, entries)})
    found = []
    for dispenser in dispensers:
        for n, boot in enumerate(boots(entries, dispenser)):
            records = _of_boot(dispenser, boot, debounce)
            found += [dataclasses.replace(record, boot=n) for record in records]
    return found


def boots(entries: Sequence[Entry], dispenser: str) -> list[Boot]:
    """Cut a dispenser's history into boots.

    Raises LedgerError if power or an input comes or goes twice in a row.
    """
    stimuli = only(Stimulus, entries, dispenser)
    _check_levels(stimuli)
    result = []
    for start, end in _running(only(Power, entries, dispenser)):
        levels = {s.input: s.active for s in stimuli if s.t <= start}
        active = frozenset(name for name, on in levels.items() if on)
        edges = tuple(s for s in stimuli if start < s.t < end)
        result.append(Boot(start, end, active, edges))
    return result


def _check_levels(stimuli: Iterable[Stimulus]) -> None:
    levels: dict[str, bool] = {}
    for edge in stimuli:
        if levels.get(edge.input, False) == edge.active:
            told = f"{edge.dispenser}: {edge.input} active {edge.active} at {edge.t}"
            raise LedgerError(f"{told}: no edge, it was so before")
        levels[edge.input] = edge.active


def _running(powers: Iterable[Power]) -> list[tuple[int, int]]:
    # the app runs from power-on or reset until power or a tech takes it away
    spans = []
    powered = False
    start: int | None = None
    for power in powers:
        if (power.power == "on") == powered:
            raise LedgerError(f"{power.dispenser}: power {power.power} at {power.t}: impossible")
        if start is not None:
            spans.append((start, power.t))
        start = power.t if power.power in ("on", "reset") else None
        powered = power.power not in ("off", "cut")
    return spans if start is None else [*spans, (start, _FOREVER)]


def _of_boot(dispenser: str, boot: Boot, debounce: Mapping[str, int]) -> list[Expected]:
    records = _state(dispenser, boot)
    lid = _changes(boot, "lid", debounce["lid"])
    records += _lid(dispenser, boot, lid)
    for n in range(1, 5):
        records += _beam(dispenser, boot, lid, n, debounce[f"beam{n}"])
    for n in range(5):
        records += _button(dispenser, boot, n, debounce[f"button{n}"])
    return sorted(_decide(records, boot), key=lambda record: record.due)


def _state(dispenser: str, boot: Boot) -> list[Expected]:
    counted = {name for name in boot.active if "lid" in boot.active or "beam" not in name}
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


def _edges(boot: Boot, name: str) -> list[tuple[int, bool]]:
    level = name in boot.active
    edges = []
    for edge in boot.edges:
        if edge.input == name and edge.active != level:
            level = edge.active
            edges.append((edge.t, level))
    return edges


def _changes(boot: Boot, name: str, debounce: int) -> list[Change]:
    return _debounced(_edges(boot, name), name in boot.active, debounce * MS)


def _debounced(edges: Sequence[tuple[int, bool]], level: bool, hold: int) -> list[Change]:
    # edges that leave the debounced level and come back too soon are contact bounce
    changes = []
    first: int | None = None
    ends = [*(t for t, _ in edges[1:]), _FOREVER]
    for (t, active), after in zip(edges, ends, strict=False):
        first = t if first is None else first
        if after - t < hold:
            continue
        if active != level:
            changes.append(Change(first, t + hold, active))
            level = active
        first = None
    return changes


def _durations(changes: Iterable[Change], active_at_boot: bool) -> list[tuple[Change, int]]:
    since = None
    result = []
    for change in changes:
        known = since is not None
        result.append((change, (change.t - (since or 0)) // MS if known else UNKNOWN_DURATION))
        since = change.t if change.active else None
    return result


def _lid(dispenser: str, boot: Boot, changes: Iterable[Change]) -> list[Expected]:
    return [
        Expected(dispenser, "lid_opened", (), change.t, change.due, "lid")
        if change.active
        else Expected(dispenser, "lid_closed", (), change.t, change.due, "lid", duration)
        for change, duration in _durations(changes, "lid" in boot.active)
    ]


def _beam(
    dispenser: str, boot: Boot, lid: Sequence[Change], n: int, debounce: int
) -> list[Expected]:
    # the emitters are supplied only while the lid counts as open
    records: list[Expected] = []
    name = f"beam{n}"
    opened = boot.start if "lid" in boot.active else None
    for change in [*lid, Change(_FOREVER, _FOREVER, False)]:
        if change.active:
            opened = change.due
        elif opened is not None:
            records += _lit(dispenser, boot, name, n, debounce, opened, change)
            opened = None
    return records


def _lit(
    dispenser: str, boot: Boot, name: str, n: int, debounce: int, opened: int, closing: Change
) -> list[Expected]:
    from_boot = opened == boot.start
    all_edges = _edges(boot, name)
    before = [active for t, active in all_edges if t <= opened]
    broken = before[-1] if before else name in boot.active
    edges = [(t, active) for t, active in all_edges if opened < t < closing.due]
    if broken and not from_boot:
        edges.insert(0, (opened, True))
    changes = [
        change
        for change in _debounced(edges, broken and from_boot, debounce * MS)
        if change.due < closing.due
    ]
    still = changes[-1].active if changes else broken and from_boot
    if still and closing.t != _FOREVER:
        changes.append(Change(closing.t, closing.due - _EPSILON, False))
    fields = (("compartment", n),)
    return [
        Expected(dispenser, "dose", fields, change.t, change.due, name)
        if change.active
        else Expected(dispenser, "dose_end", fields, change.t, change.due, name, dwell)
        for change, dwell in _durations(changes, broken and from_boot)
    ]


def _button(dispenser: str, boot: Boot, n: int, debounce: int) -> list[Expected]:
    fields = (("button", n), ("prompt", 0), ("question", 0))
    return [
        Expected(dispenser, "response", fields, change.t, change.due, f"button{n}")
        for change in _changes(boot, f"button{n}", debounce)
        if change.active
    ]


def _decide(records: Iterable[Expected], boot: Boot) -> list[Expected]:
    """Mark what the boot or its end leaves undecided: at most one record an input and cut."""
    decided = []
    last: dict[str, Expected] = {}
    for record in records:
        if record.t < boot.end:
            decided.append(record)
            if record.input not in last or record.due > last[record.input].due:
                last[record.input] = record
    return [_mark(record, boot, last[record.input] is record) for record in decided]


def _mark(record: Expected, boot: Boot, is_last: bool) -> Expected:
    slack = BOOT_NS if record.kind == "state" else WRITE_NS
    if is_last and record.due + slack > boot.end:
        return dataclasses.replace(record, undecided="cut", due=min(record.due, boot.end))
    if record.kind != "state" and record.t < boot.start + BOOT_NS:
        return dataclasses.replace(record, undecided="boot")
    return record
