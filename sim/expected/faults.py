"""Inputs that cannot be believed: chatter, what is stuck, beams without light, tampering.

| what happens                                  | record                            |
|-----------------------------------------------|-----------------------------------|
| edges that settle to nothing, or too often    | FAULT(chatter), see `bounce`      |
| button down for 5 min, beam for 10, lid 24 h  | FAULT(stuck)                      |
| all beams broken when the lid lights them     | FAULT(impossible), and no DOSE    |
| all beams broken for a minute, the lid closed | FAULT(impossible), once           |
| one broken for a minute, the lid closed       | TAMPER(beam without lid)          |

The beams are looked at once a minute with the lid closed, nobody outside knows when: shorter
breaks are undecided, at most one record each. Of a fault's count of edges that did not settle only
that it is one is told here: it depends on when the dispenser looked.
"""

from collections.abc import Iterator, Mapping, Sequence

from protocol.schema import FaultKind, TamperKind
from sim.expected import access, inputs
from sim.expected.terms import BEAMS, FOREVER, MS, Boot, Change, Expected
from sim.ledger import INPUTS

PULSE_NS = 61_000 * MS
_STUCK_NS = {"button": 300_000 * MS, "beam": 600_000 * MS, "lid": 86_400_000 * MS}
_CHANGED_NS = 1_500 * MS
_TOGETHER_NS = 100 * MS
_NO_INPUT = 255
_ALL_BEAMS = sum(1 << INPUTS.index(beam) for beam in BEAMS)
Span = tuple[int, int]


def faults(
    dispenser: str,
    n: int,
    boot: Boot,
    own: Sequence[Expected],
    debounce: Mapping[str, int],
    end_ns: int,
) -> list[Expected]:
    """Return the faults and the tampering of the n-th boot, whose other records are `own`."""
    lid = inputs.changes(boot, "lid", debounce["lid"])
    found = _doubted(dispenser, n, boot, debounce)
    found += _stuck(dispenser, n, boot, own, end_ns)
    found += _blind(dispenser, n, boot, lid)
    return found + _tampered(dispenser, n, boot, lid)


def _fault(
    dispenser: str, n: int, kind: FaultKind, name: str, value: int, t: int, **more: str | int
) -> Expected:
    subject = INPUTS.index(name) if name in INPUTS else _NO_INPUT
    fields = (("kind", int(kind)), ("subject", subject), ("value", value))
    words = {"within": _CHANGED_NS, "boot": n} | more
    return Expected(dispenser, "fault", fields, t, t, name, **words)  # type: ignore[arg-type]


def _doubted(dispenser: str, n: int, boot: Boot, debounce: Mapping[str, int]) -> list[Expected]:
    return [
        _fault(dispenser, n, FaultKind.chatter, name, doubt.value, doubt.t)
        for name in INPUTS
        if name not in BEAMS  # looked at only now and then
        for doubt in inputs.doubts(boot, name, debounce[name])
    ]


def _stuck(
    dispenser: str, n: int, boot: Boot, own: Sequence[Expected], end_ns: int
) -> list[Expected]:
    # told once, unless it lets go before; what was so at the boot counts from there
    found = []
    for name in INPUTS[:-1]:
        edges = inputs.edges_of(boot, name)
        if name in boot.active:
            edges.insert(0, (boot.start, True))
        limit = _STUCK_NS[name.rstrip("01234")]
        ends = [*(t for t, _ in edges[1:]), min(boot.end, end_ns)]
        for (t, active), until in zip(edges, ends, strict=False):
            if active and until - t >= limit and _seen(own, name):
                unsure = "cut" if until < t + limit + _CHANGED_NS else ""
                value = limit // (1000 * MS)
                told = (FaultKind.stuck, name, value, t + limit)
                found.append(_fault(dispenser, n, *told, undecided=unsure))
    return found


def _seen(own: Sequence[Expected], name: str) -> bool:
    # a beam is only looked at with the lid open
    return "beam" not in name or any(record.input == name for record in own)


def _blind(dispenser: str, n: int, boot: Boot, lid: Sequence[Change]) -> list[Expected]:
    told = (dispenser, n, FaultKind.impossible, "beams", _ALL_BEAMS)
    found = [
        _fault(*told, opening.lit)
        for opening in inputs.openings(boot, lid)
        if access.blind(boot, opening)
    ]
    for t, end in _all_broken(boot):
        until = _closed_until(lid, t, end)
        if until > t:
            found.append(_fault(*told, t, undecided=_unseen(t, until), within=PULSE_NS))
    return found


def _all_broken(boot: Boot) -> Iterator[Span]:
    # spans in which every beam is broken
    began: int | None = None
    for t in sorted({edge.t for edge in boot.edges if edge.input in BEAMS}):
        whole = set(BEAMS) <= inputs.active_at(boot, t)
        if whole and began is None:
            began = t
        elif not whole and began is not None:
            yield began, t
            began = None
    if began is not None:
        yield began, boot.end


def _unseen(t: int, until: int) -> str:
    return "" if until - t > PULSE_NS and until != FOREVER else "pulse"


def _tampered(dispenser: str, n: int, boot: Boot, lid: Sequence[Change]) -> list[Expected]:
    found = []
    dark = list(_all_broken(boot))
    for beam in BEAMS:
        edges = inputs.edges_of(boot, beam)
        for at, (t, active) in enumerate(edges):
            end = edges[at + 1][0] if at + 1 < len(edges) else boot.end
            if active and not any(_together((t, end), span) for span in dark):
                found += _tamper(dispenser, n, beam, t, _closed_until(lid, t, end))
    return found


def _together(one: Span, other: Span) -> bool:
    return all(abs(a - b) <= _TOGETHER_NS for a, b in zip(one, other, strict=True))


def _closed_until(lid: Sequence[Change], t: int, end: int) -> int:
    # until when the lid stays closed from `t` on; `t` itself if it is open then
    before = [move.active for move in lid if move.t <= t]
    if before and before[-1]:
        return t
    return min([move.t for move in lid if move.t > t and move.active] + [end])


def _tamper(dispenser: str, n: int, beam: str, t: int, until: int) -> list[Expected]:
    if until <= t:
        return []
    fields = (("kind", int(TamperKind.beam_without_lid)), ("subject", INPUTS.index(beam)))
    return [
        Expected(
            dispenser, "tamper", fields, t, t, f"{beam} pulse",
            undecided=_unseen(t, until), within=PULSE_NS, boot=n,
        )
    ]  # fmt: skip
