"""The verdict on a run, computed from its files alone: `ledger.jsonl`, `store.db`,
`registry.json` and the gateway's spool.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from sim import audit, ledger, stored
from sim.backend import registry
from sim.compare import Comparison, Difference, Pair, compare
from sim.expected import Expected, debounce_ms, expected_records
from sim.expected.prompted import prompted
from sim.placed import misplaced
from sim.reassured import reassured
from sim.stored import Stored

LEDGER = "ledger.jsonl"
STORE = "store.db"
REGISTRY = "registry.json"
SPOOL = "gateway/spool.db"
REPORT = "report.json"
MORE_SPOOLS = "gw-*/spool.db"
_NUMBERED = ("lost", "duplicated", "misordered", "wrong", "mistimed", "unexplained")
_LATER = ("state", "dose_end", "refill")
"""Records that wait by rule for what comes after their stimulus: no measure of the way."""


class Report(msgspec.Struct, kw_only=True):
    """One run in figures; `differences` and `undecided_records` hold the details.

    `latency_ms`: p50 and p99 from stimulus to backend commit in the calm phase; `time_off_ms`:
    p50, p99 and max of how far the times told are from the true ones, all boots; `chain`:
    "verified", or the first bad `dispenser/epoch/seq`; `refused`: what the backend refused;
    `answers`: how many of each word on the panel could be judged.
    """

    seed: int
    run: str
    agree: bool
    stimuli: int
    records_expected: int
    records_stored: int
    lost: int
    duplicated: int
    misordered: int
    wrong: int
    mistimed: int
    unexplained: int
    undecided: int
    chain: str
    refused: list[str]
    faults: dict[str, int]
    latency_ms: dict[str, float]
    time_off_ms: dict[str, float]
    peak_heap_bytes: dict[str, int]
    differences: list[str]
    undecided_records: list[str]
    answers: dict[str, int] = {}


def spools(run: Path) -> list[Path]:
    """Return the spools of all gateways of a run, the first one's first."""
    return [run / SPOOL, *sorted(run.glob(MORE_SPOOLS))]


def keep(run: Path) -> Report:
    """Compute a run's report and write it into its folder. Raises as `compute`."""
    report = compute(run)
    (run / REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    return report


def compute(run: Path) -> Report:
    """Return the report of a run folder.

    Raises OSError, sqlite3.Error or ValueError (LedgerError, RegistryError, WireError) if its
    files do not tell.
    """
    entries = ledger.load(run / LEDGER)
    meta = ledger.meta(entries)
    known = registry.load(run / REGISTRY)
    records = stored.load(run / STORE)
    wanted = prompted(expected_records(entries, debounce_ms()), records, meta.dispensers)
    verdicts = _verdicts(meta.dispensers, wanted, records, known)
    refused, differences = audit.refusals(run / STORE, entries, meta.dispensers)
    differences += [d for verdict in verdicts.values() for d in verdict.differences]
    differences += _beyond_patient(run, entries, meta.dispensers, records, known)
    broken = audit.first_break(records, known)
    pairs = [pair for verdict in verdicts.values() for pair in verdict.matched]
    differences += misplaced(pairs, records)
    told = reassured(entries, wanted, pairs, meta.dispensers)
    differences += told.differences
    undecided = [item for verdict in verdicts.values() for item in verdict.undecided]
    kinds = Counter(difference.kind for difference in differences)
    return Report(
        seed=meta.seed,
        run=str(run.resolve()),
        agree=not differences and broken is None,
        stimuli=len(ledger.only(ledger.Stimulus, entries)),
        records_expected=sum(1 for item in wanted if not item.undecided),
        records_stored=len(records),
        **{kind: kinds[kind] for kind in _NUMBERED},
        undecided=len(undecided),
        chain="verified" if broken is None else _name(broken),
        refused=refused,
        faults=_faults(entries),
        latency_ms=_latency(pairs, entries),
        time_off_ms=_time_off(pairs),
        peak_heap_bytes=_measures(entries, "peak_heap_bytes"),
        differences=[_line(difference) for difference in differences],
        undecided_records=[_undecided(item) for item in undecided],
        answers=told.judged,
    )


def _verdicts(
    ids: Mapping[str, str],
    wanted: Sequence[Expected],
    records: Sequence[Stored],
    known: registry.Registry,
) -> dict[str, Comparison]:
    return {
        name: compare(
            [item for item in wanted if item.dispenser == name],
            [record for record in records if record.dispenser == device_id],
            audit.epochs(known, device_id),
        )
        for name, device_id in ids.items()
    }


def _beyond_patient(
    run: Path,
    entries: Sequence[ledger.Entry],
    ids: Mapping[str, str],
    records: Sequence[Stored],
    known: registry.Registry,
) -> list[Difference]:
    found = audit.spool(spools(run), records, entries)
    found += audit.backend(run / STORE, spools(run), records)
    ends = _measures(entries, "journal_next")
    if ends.keys() >= ids.keys():  # else the ledger ends before the run did
        found += _late(records, entries)
    for name, device_id in ids.items():
        own = [record for record in records if record.dispenser == device_id]
        found += audit.housekeeping(own, entries, name)
        found += _ends(own, ends.get(name), device_id, known)
    strangers = {record.dispenser for record in records} | set(known.dispensers)
    return found + [
        Difference("unexplained", "no such dispenser in the ledger", d)
        for d in sorted(strangers - set(ids.values()))
    ]


def _late(records: Iterable[Stored], entries: Sequence[ledger.Entry]) -> Iterable[Difference]:
    end = max(entry.t for entry in entries)
    for r in records:
        if r.stored_at * 1000 > end:
            yield Difference("mistimed", "stored after the run", r.dispenser, r.epoch, r.seq)


def _ends(
    records: Sequence[Stored], end: int | None, device_id: str, known: registry.Registry
) -> list[Difference]:
    # an epoch may be registered for a provisioning that never came to its end
    there = {r.epoch for r in records}
    newest = [epoch for epoch in audit.epochs(known, device_id) if epoch in there][-1:]
    held = max((r.seq + 1 for r in records if r.epoch in newest), default=0)
    if end is None:
        text = "nobody asked where the journal ends: the run did not come to its end"
    elif held != end:
        text = f"journal ends before seq {end}, store before {held}"
    else:
        return []
    return [Difference("incomplete", text, device_id)]


def _faults(entries: Sequence[ledger.Entry]) -> dict[str, int]:
    # one that hit nothing proves nothing
    struck = Counter(f.fault for f in ledger.only(ledger.Fault, entries) if f.evidence)
    while_broken = Counter(h.healed for h in ledger.only(ledger.Healed, entries) if h.observed)
    return dict(struck | while_broken)


def _measures(entries: Sequence[ledger.Entry], measure: str) -> dict[str, int]:
    found = [m for m in ledger.only(ledger.Measure, entries) if m.measure == measure]
    return {m.dispenser: m.value for m in found}


def _latency(pairs: Iterable[Pair], entries: Sequence[ledger.Entry]) -> dict[str, float]:
    calm = _calm(entries)
    late = sorted(
        (record.stored_at * 1000 - item.t) / 1e6
        for item, record in pairs
        if item.kind not in _LATER and any(start <= item.t < end for start, end in calm)
    )
    return {f"p{p}": round(_percentile(late, p), 1) for p in (50, 99)} if late else {}


def _time_off(pairs: Iterable[Pair]) -> dict[str, float]:
    # a STATE tells when the inputs were looked at, not when something happened
    off = sorted(
        abs(record.t - item.t) / 1e6
        for item, record in pairs
        if record.t is not None and item.kind != "state"
    )
    names = {"p50": 50, "p99": 99, "max": 100}
    return {name: round(_percentile(off, p), 1) for name, p in names.items()} if off else {}


def _calm(entries: Sequence[ledger.Entry]) -> list[tuple[int, int]]:
    phases = ledger.only(ledger.Phase, entries)
    ends = [*(phase.t for phase in phases[1:]), 1 << 63]
    return [(p.t, end) for p, end in zip(phases, ends, strict=False) if p.phase == "calm"]


def _percentile(values: Sequence[float], percent: int) -> float:
    # nearest rank: a value that was measured
    return values[math.ceil(percent / 100 * len(values)) - 1]


def _name(record: Stored) -> str:
    return f"{record.dispenser}/{record.epoch}/{record.seq}"


def _line(d: Difference) -> str:
    where = "/".join(
        str(part) for part in (d.dispenser, d.epoch or "", d.seq) if part not in ("", -1)
    )
    return f"{d.kind:<12} {where:<32} {d.text}"


def _undecided(item: Expected) -> str:
    told = " ".join(f"{name} {value}" for name, value in item.fields)
    return f"{item.dispenser} {item.kind.upper()} {told} at {ledger.utc(item.t)}: {item.undecided}"
