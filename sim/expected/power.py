"""A dispenser's history, cut into the boots of its app."""

from collections.abc import Iterable, Sequence

from sim.expected.terms import FOREVER, Boot
from sim.ledger import Entry, LedgerError, Power, Stimulus, only


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
    return spans if start is None else [*spans, (start, FOREVER)]
