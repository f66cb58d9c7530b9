"""What must hold in the store whatever the patient did: chain, housekeeping, spool, refusals."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from protocol import chain, schema
from protocol.wire import tag_of
from sim.backend.registry import Registry
from sim.compare import PATIENT, Difference
from sim.ledger import Entry, Fault, Power, Tech, only
from sim.stored import Stored, rows

ALTERED = "record_altered_in_spool"
"""The fault that must be refused, named and fetched again."""
_HOUSEKEEPING = frozenset({"epoch", "boot", "time_set", "gap", "maintenance", "suppressed"})


def epochs(registry: Registry, dispenser: str) -> list[int]:
    """Return the epochs of a dispenser in the order of their lives."""
    entry = registry.dispensers.get(dispenser)
    return entry.epochs if entry else []


def _keys(registry: Registry, dispenser: str, epoch: int) -> chain.BlockKeys | None:
    secret = registry.secret(dispenser)
    if secret is None or not registry.has_epoch(dispenser, epoch):
        return None
    return chain.BlockKeys(chain.root_key(secret, bytes.fromhex(dispenser), epoch))


def first_break(records: Sequence[Stored], registry: Registry) -> Stored | None:
    """Return the first record that does not continue its chain from seq 0, None if all do.

    `records` sorted by dispenser, epoch and seq.
    """
    for (dispenser, epoch), group in itertools.groupby(records, lambda r: (r.dispenser, r.epoch)):
        keys = _keys(registry, dispenser, epoch)
        before, following = schema.FIRST_TAG, 0
        for record in group:
            contiguous = record.seq == following or _covers(record, following)
            if keys is None or not contiguous or not chain.verifies(keys, before, record.raw):
                return record
            before, following = tag_of(record.raw), record.seq + 1
    return None


def _covers(record: Stored, missing: int) -> bool:
    gap = record.data
    return isinstance(gap, schema.Gap) and (gap.first, gap.last) == (missing, record.seq - 1)


def housekeeping(
    records: Sequence[Stored], entries: Sequence[Entry], dispenser: str
) -> list[Difference]:
    """Judge the records of one dispenser that no stimulus explains."""
    found = [
        _not(r, "is of no known kind") for r in records if r.kind not in PATIENT | _HOUSEKEEPING
    ]
    found += [_not(r, f"columns {r.unlike} differ from its bytes") for r in records if r.unlike]
    found += [_not(r, "has status " + r.status) for r in records if r.status != "verified"]
    found += [_not(r, "is not seq 0") for r in records if (r.kind == "epoch") != (r.seq == 0)]
    found += [_not(r, "names a loss") for r in records if _is_loss(r)]
    found += _at_most_once(records, "boot", "is the second BOOT of its boot")
    powers = [p for p in only(Power, entries, dispenser) if p.power in ("on", "reset")]
    found += _limited(records, "boot", len(powers), "power-ups")
    found += _limited(records, "maintenance", len(only(Tech, entries, dispenser)), "techs")
    found += _limited(records, "suppressed", 0, "reasons to suppress")
    return found


def _is_loss(record: Stored) -> bool:
    # a damaged range that held nothing is named for honesty and is no loss
    trimmed = schema.GapCause.trimmed
    return isinstance(record.data, schema.Gap) and record.data.cause == trimmed


def _not(record: Stored, text: str) -> Difference:
    text = f"{record.kind.upper()} {text}"
    return Difference("housekeeping", text, record.dispenser, record.epoch, record.seq)


def _at_most_once(records: Iterable[Stored], kind: str, text: str) -> list[Difference]:
    seen: set[tuple[int, int]] = set()
    found = []
    for record in records:
        if record.kind == kind:
            if (record.epoch, record.boot) in seen:
                found.append(_not(record, text))
            seen.add((record.epoch, record.boot))
    return found


def _limited(records: Iterable[Stored], kind: str, most: int, reasons: str) -> list[Difference]:
    of_kind = [record for record in records if record.kind == kind]
    return [_not(record, f"beyond {most} {reasons}") for record in of_kind[most:]]


def spool(path: Path, records: Iterable[Stored]) -> list[Difference]:
    """Name what the gateway holds and the backend does not."""
    stored = {(r.dispenser, r.epoch, r.seq, r.raw) for r in records}
    held = rows(path, "records", ("dispenser", "epoch", "seq", "raw"))
    return [
        Difference("unsent", "in the spool, not stored", row[0], row[1], row[2])
        for row in held
        if tuple(row) not in stored
    ]


def refusals(
    path: Path, entries: Sequence[Entry], ids: Mapping[str, str]
) -> tuple[list[str], list[Difference]]:
    """Return the refused records by name, and those that no fault explains or that were missed."""
    refused = Counter(
        (row[0], row[1], row[2]) for row in rows(path, "refused", ("dispenser", "epoch", "seq"))
    )
    caused = {
        (ids[fault.dispenser], fault.epoch, fault.seq)
        for fault in only(Fault, entries)
        if fault.fault == ALTERED
    }
    found = [
        Difference("refused", "refused without a cause", *key)
        for key in refused
        if key not in caused
    ]
    found += [
        Difference("refused", "altered and not refused", *key)
        for key in caused
        if key not in refused
    ]
    forks = rows(path, "forks", ("dispenser", "epoch", "seq"))
    found += [Difference("fork", "two records with one seq", *row) for row in forks]
    return [f"{d}/{e}/{s}" for d, e, s in sorted(refused)], found
