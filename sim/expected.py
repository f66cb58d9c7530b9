"""What records physical stimuli must become: the table that the store is judged by.

Made from the hardware's data and the record's definition alone; nothing of the firmware is used.
Times are true times in Unix ns. An edge counts when its input then stays for the debounce time:

| stimulus                        | record                                                    |
|---------------------------------|-----------------------------------------------------------|
| lid opens / closes              | LID_OPENED / LID_CLOSED(duration, compartments reached)   |
| beam broken, lid open           | DOSE(compartment): an access begins                       |
| whole for 60 s, or lid closes   | DOSE_END(compartment, dwell, breaks): the access is over  |
| broken again before that        | nothing: the same access                                  |
| lid closes, beam broken         | DOSE_END, then LID_CLOSED                                 |
| third compartment, or 3 min open | REFILL(possible), once an opening: nobody said it is one   |
| button pressed / released       | RESPONSE(button), unprompted / nothing                    |
| the same again within 2 s       | nothing, if no other was pressed between                  |
| another within 10 s             | RESPONSE that corrects the one before                     |
| active when a boot begins       | one STATE(mask); the end of it has UNKNOWN_DURATION       |
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from hardware import board
from protocol.schema import UNKNOWN_DURATION, RefillAction, RefillCause
from sim.ledger import INPUTS, Entry, LedgerError, Power, Stimulus, only

MS = 1_000_000
WRITE_NS = 250 * MS
"""Longest a record may take from debounced to flash: the dispenser's bound between two feeds."""
BOOT_NS = 2_000 * MS
"""Longest from power to the first look at the inputs."""
TIME_NS = 1_000 * MS
"""How far a record's time may be from the true one."""
COLLAPSE_NS = 60_000 * MS
"""A beam broken again so soon belongs to the same access."""
REPEAT_NS = 2_000 * MS
"""The same button pressed again so soon is the same response."""
CORRECT_NS = 10_000 * MS
"""Another button pressed so soon corrects the response."""
SUSPECT_NS = 180_000 * MS
"""A lid open for longer may be a refill."""
_SUSPECT_REACHED = 3
_TIMED = frozenset({"dose_end", "refill"})
"""What time alone brings about: nothing tells whether the run lasted for so long."""
_SLACK_NS = 2_000 * MS
_JITTER_NS = 300 * MS
"""How far the dispenser's time between two presses may be from the true one."""
_HOLD_NS = 60 * MS
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

    @property
    def last(self) -> int:
        """When something last happened that is known."""
        return max((edge.t for edge in self.edges), default=self.start)


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A debounced change: the edge that began it, and when it counts."""

    t: int
    due: int
    active: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Opening:
    """From where the beams were lit to the lid's closing."""

    lit: int
    closing: Change
    from_boot: bool


@dataclasses.dataclass(slots=True)
class Access:
    """One compartment reached: since when, how often, and whether its beginning was seen."""

    t: int
    breaks: int
    known: bool
    whole: int | None = None


@dataclasses.dataclass(slots=True)
class Press:
    """A response: its first press and its latest; unclear if it may be no response of its own."""

    button: int
    first: int
    latest: int
    unclear: bool


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
    reached = dict.fromkeys((change.due for change in lid), 0)
    for opening in _openings(boot, lid):
        accesses: list[tuple[int, int, int]] = []  # due, t, compartment: what was reached when
        for n in range(1, 5):
            found, at_boot = _beam(dispenser, boot, opening, n, debounce[f"beam{n}"])
            records += found
            accesses += [(r.due, r.t, n) for r in found if r.kind == "dose"]
            accesses += [(boot.start, boot.start, n)] * at_boot
        reached[opening.closing.due] = _mask(n for _, _, n in accesses)
        records += _refill(dispenser, opening, sorted(accesses))
    records += _lid(dispenser, boot, lid, reached)
    records += _buttons(dispenser, boot, debounce)
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


def _openings(boot: Boot, lid: Sequence[Change]) -> list[Opening]:
    # the emitters are supplied only while the lid counts as open
    found = []
    opened = boot.start if "lid" in boot.active else None
    for change in [*lid, Change(_FOREVER, _FOREVER, False)]:
        if change.active:
            opened = change.due
        elif opened is not None:
            found.append(Opening(opened, change, opened == boot.start))
            opened = None
    return found


def _lid(
    dispenser: str, boot: Boot, changes: Iterable[Change], reached: Mapping[int, int]
) -> list[Expected]:
    return [
        Expected(dispenser, "lid_opened", (), change.t, change.due, "lid")
        if change.active
        else Expected(
            dispenser, "lid_closed", (("compartments", reached[change.due]),),
            change.t, change.due, "lid", duration,
        )
        for change, duration in _durations(changes, "lid" in boot.active)
    ]  # fmt: skip


def _mask(compartments: Iterable[int]) -> int:
    return sum(1 << n - 1 for n in set(compartments))


def _refill(
    dispenser: str, opening: Opening, accesses: Sequence[tuple[int, int, int]]
) -> list[Expected]:
    # suspected once an opening: by its third compartment or by its length, whichever is first
    late = opening.lit + SUSPECT_NS
    for at, (due, t, _) in enumerate(accesses):
        mask = _mask(n for _, _, n in accesses[: at + 1])
        if due < late and mask.bit_count() >= _SUSPECT_REACHED:
            return [_possible(dispenser, mask, t, due + _EPSILON)]
    if opening.closing.due < late + _SLACK_NS:
        return []
    mask = _mask(n for due, _, n in accesses if due <= late)
    return [_possible(dispenser, mask, late, late)]


def _possible(dispenser: str, mask: int, t: int, due: int) -> Expected:
    fields = (
        ("action", int(RefillAction.possible)),
        ("cause", int(RefillCause.pattern)),
        ("compartments", mask),
    )
    return Expected(dispenser, "refill", fields, t, due, "refill", within=_SLACK_NS + 3 * TIME_NS)


def _beam(
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


def _breaks(boot: Boot, opening: Opening, name: str, debounce: int) -> tuple[list[Change], bool]:
    # debounced changes while it was lit, and whether it was broken at boot
    all_edges = _edges(boot, name)
    before = [active for t, active in all_edges if t <= opening.lit]
    broken = before[-1] if before else name in boot.active
    closing = opening.closing
    edges = [(t, active) for t, active in all_edges if opening.lit < t < closing.due]
    if broken and not opening.from_boot:
        edges.insert(0, (opening.lit, True))
    at_boot = broken and opening.from_boot
    changes = [
        change for change in _debounced(edges, at_boot, debounce * MS) if change.due < closing.due
    ]
    still = changes[-1].active if changes else at_boot
    if still and closing.t != _FOREVER:
        changes.append(Change(closing.t, closing.due - _EPSILON, False))
    return changes, at_boot


def _end(dispenser: str, n: int, access: "Access | None", closing: Change) -> list[Expected]:
    # an access is over when the lid closes or its beam has been whole for long enough
    if access is None or access.whole is None:
        return []
    due = min(closing.due - _EPSILON, access.whole + COLLAPSE_NS + _SLACK_NS)
    dwell = (access.whole - access.t) // MS if access.known else UNKNOWN_DURATION
    fields = (("compartment", n), ("breaks", min(access.breaks, 255)))
    return [Expected(dispenser, "dose_end", fields, access.whole, due, f"beam{n}", dwell)]


def _buttons(dispenser: str, boot: Boot, debounce: Mapping[str, int]) -> list[Expected]:
    presses = [
        (change.t, n, change.due)
        for n in range(5)
        for change in _changes(boot, f"button{n}", debounce[f"button{n}"])
        if change.active
    ]
    records: list[Expected] = []
    last: Press | None = None
    for t, n, due in sorted(presses):
        early = t < boot.start + BOOT_NS
        again = last is not None and last.button == n
        if last and again and t - last.latest < REPEAT_NS - _JITTER_NS and not last.unclear:
            last.latest = t
            continue
        repeat = bool(last and again and t - last.latest < REPEAT_NS + _JITTER_NS)
        records += _response(dispenser, last, Press(n, t, t, repeat or early), due)
        last = Press(n, t, t, repeat or early)
    return records


def _response(dispenser: str, last: "Press | None", press: "Press", due: int) -> list[Expected]:
    # one record, or two of which one may be there where the moment decides which it is
    near, sure = False, True
    if last and last.button != press.button:
        gap = press.first - last.first
        near = gap <= CORRECT_NS
        sure = not last.unclear and abs(gap - CORRECT_NS) > _JITTER_NS
    told = [near] if sure else [False, True]
    unprompted = (("prompt", 0), ("question", 0))
    undecided = "repeat" if press.unclear or not sure else ""
    return [
        Expected(
            dispenser, "response",
            (("button", press.button), ("corrects", int(corrects)), *unprompted),
            press.first, due, f"button{press.button}", undecided=undecided,
        )
        for corrects in told
    ]  # fmt: skip


def _decide(records: Iterable[Expected], boot: Boot) -> list[Expected]:
    """Mark what the boot or its end leaves undecided: at most one record an input and cut."""
    decided = []
    last: dict[str, Expected] = {}
    for record in records:
        if record.t < boot.end and record.due - _HOLD_NS < boot.end:
            decided.append(record)
            if record.input not in last or record.due > last[record.input].due:
                last[record.input] = record
    return [_mark(record, boot, last[record.input] is record) for record in decided]


def _mark(record: Expected, boot: Boot, is_last: bool) -> Expected:
    slack = BOOT_NS if record.kind == "state" else WRITE_NS
    if is_last and record.due + slack > boot.end:
        return dataclasses.replace(record, undecided="cut", due=min(record.due, boot.end))
    if boot.end == _FOREVER and record.due > boot.last + WRITE_NS and record.kind in _TIMED:
        return dataclasses.replace(record, undecided="end")
    if record.kind != "state" and record.t < boot.start + BOOT_NS:
        return dataclasses.replace(record, undecided="boot")
    return record
