"""What must hold in the store whatever the patient did: chain, housekeeping, spool, refusals."""

import itertools
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path

from protocol import chain, schema
from protocol.wire import tag_of
from sim.backend.registry import Registry
from sim.compare import PATIENT, Difference
from sim.expected.terms import BOOT_NS
from sim.ledger import Entry, Fault, Power, Stimulus, Tech, only
from sim.panel import SEEN
from sim.stored import Stored, rows

ALTERED = "record_altered_in_spool"
"""The fault that must be refused, named and fetched again."""
SPOOL_LOST = frozenset(
    {
        "gateway_replaced",
        "spool_corrupt",
        "gateway_unsynced_lost",
        "gateway_disk_full",
    }
)
"""Faults that take what a gateway kept of what is stored."""
KEPT = 10_000
"""Records below the watermark that the gateway keeps (DESIGN: law 3)."""
KEPT_NS = 30 * 86_400 * 10**9
"""For so long it keeps them at least (DESIGN: law 3)."""
_EXPLAINED = frozenset({"refused", "lost"})
"""Alarms that are judged by what they are about: a refused row, a GAP."""
_CLEAN = ("internal_errors", "malformed", "odd_batches")
"""Counters of the backend for what no honest gateway sends and no sound backend does."""
_STEP_MS = 200
_HOURLY = 60
_HOUR_NS = 3600 * 10**9
_TAKES_COUNT = frozenset(
    {"rtc_dead", "rtc_cell_empty", "dispenser_lost", "dispenser_lost_after_ack"}
)
_ANNOUNCED_NS = 70 * 10**9
"""By then a boot has written its BOOT (DESIGN: law 1)."""
_BEAT_NS = 6 * _HOUR_NS - 60 * 10**9
"""Four heartbeats a day (DESIGN: law 1), by a clock that may be a little fast."""
_HOUSEKEEPING = frozenset(
    {
        "epoch",
        "boot",
        "time_set",
        "gap",
        "maintenance",
        "suppressed",
        "heartbeat",
        "power",
        "release",
    }
)
_OF_TROUBLE = frozenset({"fault", "tamper"})
_OF_SETTINGS = frozenset(
    {
        "settings_applied",
        "settings_refused",
        "prompt_shown",
        "prompt_expired",
        "reminder",
        "window_missed",
        "seen",
    }
)
SETTINGS, BENCH = "settings", "bench"
"""What the ledger calls a clinic's settings on their way, and a dispenser at a tech's machine."""
_STUCK_NS = 60 * 10**9
"""A beam broken for so long is told as tampering, other inputs later as stuck."""


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
            follows = record.seq == following or _covers(record, following)
            follows = follows and record.previous == before
            if keys is None or not follows or not chain.verifies(keys, before, record.raw):
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
    known = PATIENT | _HOUSEKEEPING | _explained(entries, dispenser)
    found = [_not(r, "is of no known kind") for r in records if r.kind not in known]
    found += [_not(r, f"columns {r.unlike} differ from its bytes") for r in records if r.unlike]
    found += [_not(r, "has status " + r.status) for r in records if r.status != "verified"]
    found += [_not(r, "is not seq 0") for r in records if (r.kind == "epoch") != (r.seq == 0)]
    found += [_not(r, "names a loss") for r in records if _is_loss(r)]
    strange = _others(records, _modes(entries, dispenser))
    found += [_not(r, "is not the patient's: mode " + str(r.mode)) for r in strange]
    found += _at_most_once(records, "boot", "is the second BOOT of its boot")
    found += _without(records, "boot", PATIENT, "has no BOOT in its boot")
    found += _unset(records)
    found += _idle(records)
    found += _too_many(records)
    powers = [p for p in only(Power, entries, dispenser) if p.power in ("on", "reset")]
    found += _limited(records, "boot", len(powers), "power-ups")
    found += _skipped(records, powers, entries, dispenser)
    found += _limited(records, "gap", len(only(Power, entries, dispenser)), "losses of power")
    found += _limited(records, "maintenance", len(only(Tech, entries, dispenser)), "techs")
    found += _limited(records, "suppressed", 0, "reasons to suppress")
    found += _limited(records, "heartbeat", _beats(entries), "times six hours")
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


def _explained(entries: Sequence[Entry], dispenser: str) -> frozenset[str]:
    """Return the kinds of which the ledger says why they may be there."""
    broken = only(Fault, entries, dispenser) or _is_held(only(Stimulus, entries, dispenser))
    asked = any(tech.tech in (SETTINGS, SEEN) for tech in only(Tech, entries, dispenser))
    return (_OF_TROUBLE if broken else frozenset()) | (_OF_SETTINGS if asked else frozenset())


def _is_held(edges: Iterable[Stimulus]) -> bool:
    since: dict[str, int] = {}
    for edge in edges:
        if edge.active:
            since.setdefault(edge.input, edge.t)
        elif edge.t - since.pop(edge.input, edge.t) >= _STUCK_NS:
            return True
    return bool(since)


def _modes(entries: Sequence[Entry], dispenser: str) -> set[int]:
    modes = {int(schema.Mode.patient)}
    if any(edge.input == "service" for edge in only(Stimulus, entries, dispenser)):
        modes.add(int(schema.Mode.refill))
    if any(tech.tech == BENCH for tech in only(Tech, entries, dispenser)):
        modes.add(int(schema.Mode.bench))
    return modes


def _others(records: Iterable[Stored], modes: Container[int]) -> list[Stored]:
    return [r for r in records if r.kind in PATIENT and r.mode not in modes]


def _without(
    records: Iterable[Stored], kind: str, kinds: Container[str], text: str
) -> list[Difference]:
    there = {(r.epoch, r.boot) for r in records if r.kind == kind}
    lacking = {(r.epoch, r.boot): r for r in records if r.kind in kinds}
    return [_not(record, text) for key, record in lacking.items() if key not in there]


def _unset(records: Iterable[Stored]) -> list[Difference]:
    # DESIGN, law 6: a time is only as good as what set it
    first_set: dict[tuple[int, int], int] = {}
    found = []
    for r in sorted(records, key=lambda r: (r.epoch, r.seq)):
        if r.kind == "time_set":
            first_set.setdefault((r.epoch, r.boot), r.seq)
        synced = r.quality == schema.Quality.synced
        if synced and (r.epoch, r.boot) not in first_set:
            found.append(_not(r, "says synced before anything set the time of its boot"))
    return found


def _idle(records: Iterable[Stored]) -> list[Difference]:
    sets = [(r, r.data) for r in records if isinstance(r.data, schema.TimeSet)]
    return [
        _not(record, "corrects less than it may without a record")
        for record, data in sets
        if data.old_quality == schema.Quality.synced and abs(_step_ms(data)) <= _STEP_MS
    ]


def _step_ms(data: schema.TimeSet) -> int:
    return (data.new - data.old) * 1000 + data.new_ms - data.old_ms


def _too_many(records: Iterable[Stored]) -> list[Difference]:
    found = []
    latest: dict[str, list[int]] = {}
    for r in records:
        if r.kind in PATIENT or r.t is None:
            continue
        times = latest.setdefault(r.kind, [])
        times.append(r.t)
        if len(times) > _HOURLY and times[-1] - times[-1 - _HOURLY] < _HOUR_NS:
            found.append(_not(r, f"is beyond {_HOURLY} of its kind in an hour"))
    return found


def _limited(records: Iterable[Stored], kind: str, most: int, reasons: str) -> list[Difference]:
    of_kind = [record for record in records if record.kind == kind]
    return [_not(record, f"beyond {most} {reasons}") for record in of_kind[most:]]


def _skipped(
    records: Iterable[Stored], powers: Sequence[Power], entries: Sequence[Entry], dispenser: str
) -> list[Difference]:
    """Hold the boots that BOOT records tell, those that wrote nothing included, against power.

    Where nothing took the count, which is in the clock module, nor did a tech restart anything.
    """
    faults = {fault.fault for fault in only(Fault, entries, dispenser)}
    boots = [record for record in records if isinstance(record.data, schema.Boot)]
    if not boots or faults & _TAKES_COUNT or only(Tech, entries, dispenser):
        return []
    told = sum(1 + boot.data.skipped for boot in boots if isinstance(boot.data, schema.Boot))
    lives = _lives(powers, entries, dispenser)
    sure = sum(life >= BOOT_NS for life in lives)
    if told > len(powers) or (told < sure and lives[-1] >= _ANNOUNCED_NS):
        return [_not(boots[-1], f"and those before tell {told} boots of {len(lives)}")]
    return []


def _lives(powers: Sequence[Power], entries: Sequence[Entry], dispenser: str) -> list[int]:
    # how long each boot lasted at most
    ends = [power.t for power in only(Power, entries, dispenser)]
    last = max(entry.t for entry in entries)
    return [min([t for t in ends if t > power.t], default=last) - power.t for power in powers]


def _beats(entries: Sequence[Entry]) -> int:
    # a boot's first comes after six hours of it
    times = [entry.t for entry in entries]
    return (max(times) - min(times)) // _BEAT_NS if times else 0


def spool(
    paths: Iterable[Path], records: Iterable[Stored], entries: Sequence[Entry] = ()
) -> list[Difference]:
    """Name what gateways hold and the backend does not, and what they should still hold.

    In a run longer than they keep anything by age, that is what was recorded since.
    """
    records = list(records)
    stored = {_row(record) for record in records}
    columns = ("dispenser", "epoch", "seq", "raw")
    held = {tuple(row) for path in paths for row in rows(path, "records", columns)}
    if any(fault.fault in SPOOL_LOST for fault in only(Fault, entries)):
        stored &= held
    ends = Counter[tuple[str, int]]()
    for dispenser, epoch, seq, _ in stored:
        ends[dispenser, epoch] = max(ends[dispenser, epoch], seq)
    aged = {_row(record) for record in _aged(records, entries)}
    kept = {key for key in stored - aged if key[2] > ends[key[0], key[1]] - KEPT}
    found = [Difference("unsent", "in the spool, not stored", *key[:3]) for key in held - stored]
    found += [Difference("pruned", "stored, not in the spool", *key[:3]) for key in kept - held]
    return sorted(found, key=lambda d: (d.kind, d.dispenser, d.epoch, d.seq))


def _row(record: Stored) -> tuple[str, int, int, bytes]:
    return record.dispenser, record.epoch, record.seq, record.raw


def _aged(records: Iterable[Stored], entries: Sequence[Entry]) -> Iterable[Stored]:
    times = [entry.t for entry in entries]
    oldest = max(times, default=0) - KEPT_NS
    if min(times, default=0) < oldest:
        # nobody knows how old one without a time is
        yield from (r for r in records if r.t is None or r.t < oldest)


def backend(store: Path, spools: Iterable[Path], records: Iterable[Stored]) -> list[Difference]:
    """Name what the backend confirmed beyond what it holds, and what it saw that must not be."""
    held = Counter[tuple[str, int]]()
    for r in records:
        held[r.dispenser, r.epoch] = max(held[r.dispenser, r.epoch], r.seq + 1)
    found = _confirmed(store, "streams", held)
    found += [d for path in spools for d in _confirmed(path, "watermark", held)]
    return found + _alarms(store) + _counters(store)


def _confirmed(path: Path, table: str, held: Mapping[tuple[str, int], int]) -> list[Difference]:
    return [
        Difference("watermark", f"{table}: confirmed, not stored", row[0], row[1], row[2] - 1)
        for row in rows(path, table, ("dispenser", "epoch", "next"))
        if row[2] > held.get((row[0], row[1]), 0)
    ]


def _alarms(store: Path) -> list[Difference]:
    return [
        Difference("alarm", kind, dispenser, epoch, -1 if seq is None else seq)
        for kind, dispenser, epoch, seq, cleared in rows(
            store, "alarms", ("kind", "dispenser", "epoch", "seq", "cleared_at")
        )
        if cleared is None and kind not in _EXPLAINED
    ]


def _counters(store: Path) -> list[Difference]:
    return [
        Difference("backend", f"counts {value} {name}")
        for name, value in rows(store, "counters", ("name", "value"))
        if name in _CLEAN and value
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
    given_up = rows(path, "refused", ("dispenser", "epoch", "seq", "stored"))
    found += [
        Difference("refused", "refused twice: passed without the record", *row[:3])
        for row in given_up
        if row[3]
    ]
    forks = rows(path, "forks", ("dispenser", "epoch", "seq"))
    found += [Difference("fork", "two records with one seq", *row) for row in forks]
    return [f"{d}/{e}/{s}" for d, e, s in sorted(refused)], found
