"""The table itself: one boot after the other, and what its ends leave open."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from hardware import board
from protocol.schema import Mode
from sim.expected import access, answers, inputs, refill
from sim.expected.power import boots
from sim.expected.terms import (
    BOOT_NS,
    FOREVER,
    HOLD_NS,
    MS,
    TIMED,
    WRITE_NS,
    Boot,
    Expected,
    Opening,
)
from sim.ledger import Entry, Meta, Power, only


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
    loose = max((meta.loose_ms * MS for meta in only(Meta, entries)), default=0)
    return [_loosened(record, loose) for record in found] if loose else found


def _loosened(record: Expected, loose: int) -> Expected:
    return dataclasses.replace(record, within=record.within + loose, loose=loose)


def _of_boot(dispenser: str, boot: Boot, debounce: Mapping[str, int]) -> list[Expected]:
    records = inputs.state(dispenser, boot)
    lid = inputs.changes(boot, "lid", debounce["lid"])
    refills = refill.refills(boot, lid, debounce["service"])
    reached = dict.fromkeys((change.due for change in lid), 0)
    openings: list[tuple[Opening, Sequence[refill.Reached]]] = []
    for opening in inputs.openings(boot, lid):
        found, accesses = _accesses(dispenser, boot, opening, debounce)
        openings.append((opening, accesses))
        records += found
        reached[opening.closing.due] = refill.mask_of(n for _, _, n in accesses)
        records += refill.suspected(dispenser, opening, accesses, refills)
    records += inputs.lid(dispenser, boot, lid, reached)
    records += refill.service(dispenser, refills, openings)
    records += answers.buttons(dispenser, boot, debounce)
    return sorted(_decide(_in_mode(records, refills), boot), key=lambda record: record.due)


def _accesses(
    dispenser: str, boot: Boot, opening: Opening, debounce: Mapping[str, int]
) -> tuple[list[Expected], list[refill.Reached]]:
    records: list[Expected] = []
    accesses: list[refill.Reached] = []  # what was reached when
    for n in range(1, 5):
        found, at_boot = access.beam(dispenser, boot, opening, n, debounce[f"beam{n}"])
        records += found
        accesses += [(r.due, r.t, n) for r in found if r.kind == "dose"]
        accesses += [(boot.start, boot.start, n)] * at_boot
    return records, sorted(accesses)


def _in_mode(records: Iterable[Expected], refills: Sequence[refill.Refill]) -> list[Expected]:
    return [
        dataclasses.replace(record, mode=int(Mode.refill))
        if any(refill.holds(record.due) for refill in refills)
        else record
        for record in records
    ]


def _decide(records: Iterable[Expected], boot: Boot) -> list[Expected]:
    """Mark what the boot or its end leaves undecided: at most one record an input and cut."""
    decided = []
    last: dict[str, Expected] = {}
    for record in records:
        if record.t < boot.end and record.due - HOLD_NS < boot.end:
            decided.append(record)
            if record.input not in last or record.due > last[record.input].due:
                last[record.input] = record
    return [_mark(record, boot, last[record.input] is record) for record in decided]


def _mark(record: Expected, boot: Boot, is_last: bool) -> Expected:
    slack = BOOT_NS if record.kind == "state" else WRITE_NS
    if is_last and record.due + slack > boot.end:
        return dataclasses.replace(record, undecided="cut", due=min(record.due, boot.end))
    if boot.end == FOREVER and record.due > boot.last + WRITE_NS and record.kind in TIMED:
        return dataclasses.replace(record, undecided="end")
    if record.kind != "state" and record.t < boot.start + BOOT_NS:
        return dataclasses.replace(record, undecided="boot")
    return record
