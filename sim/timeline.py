"""A run as one HTML page that opens from disk: a lane for each part, a line for each record.

What is where is taken from the run's own files; a record's line ends where it was seen last. What
is wrong and names a record (dispenser/epoch/seq) leads to its line.
"""

import html
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from sim import expected, ledger, stored
from sim.compare import wanted
from sim.report import LEDGER, STORE, spools
from sim.stored import describe, reading

TIMELINE = "timeline.html"
_PAGE = Path(__file__).with_name("timeline.html.in")
_US = 1000


def write(run: Path, wrong: Sequence[str] = ()) -> Path:
    """Write `timeline.html` into a run's folder; returns its path. Missing files show nothing."""
    path = run / TIMELINE
    data = json.dumps(_data(run, wrong)).replace("</", "<\\/")
    page = _PAGE.read_text(encoding="utf-8")
    page = page.replace("{title}", html.escape(run.name)).replace("{data}", data)
    path.write_text(page, encoding="utf-8")
    return path


def _data(run: Path, wrong: Sequence[str]) -> dict[str, object]:
    entries = ledger.load(run / LEDGER) if (run / LEDGER).exists() else []
    names = {
        i: n for meta in ledger.only(ledger.Meta, entries) for n, i in meta.dispensers.items()
    }
    gateways = [path.parent.name for path in spools(run) if path.exists()]
    lanes = [*sorted(names.values()), *gateways, "broker", "backend"]
    ways = _ways(run, names)
    return {
        "lanes": lanes,
        "marks": [_mark(s) for s in ledger.only(ledger.Stimulus, entries)],
        "bars": _bars(entries, lanes, gateways),
        "off": _off_times(entries),
        "span": [min(times), max(times)] if (times := [entry.t for entry in entries]) else [0, 1],
        "ways": ways + _never_seen(entries, ways, wrong),
        "wrong": list(wrong),
    }


def _mark(s: ledger.Stimulus) -> dict[str, object]:
    return {"t": s.t, "lane": s.dispenser, "text": f"{s.input} {'on' if s.active else 'off'}"}


def _bars(
    entries: Sequence[ledger.Entry], lanes: Sequence[str], gateways: Sequence[str]
) -> list[dict[str, object]]:
    bars: list[dict[str, object]] = []
    healed = ledger.only(ledger.Healed, entries)
    end = max((entry.t for entry in entries), default=0)
    for fault in ledger.only(ledger.Fault, entries):
        part = fault.part or fault.dispenser
        over = [h.t for h in healed if (h.healed, h.part) == (fault.fault, fault.part)]
        until = min((t for t in over if t >= fault.t), default=fault.t if not fault.part else end)
        # the folder of the first gateway does not have its name
        lane = part if part in lanes else next(iter(gateways), lanes[0])
        bars.append({"t": fault.t, "end": until, "lane": lane, "text": fault.fault})
    return bars


def _off_times(entries: Sequence[ledger.Entry]) -> list[dict[str, object]]:
    """Return when dispensers had no power."""
    found: list[dict[str, object]] = []
    since: dict[str, int] = {}
    end = max((entry.t for entry in entries), default=0)
    for power in ledger.only(ledger.Power, entries):
        if power.power in ("off", "cut"):
            since[power.dispenser] = power.t
        elif (began := since.pop(power.dispenser, None)) is not None:
            found.append({"t": began, "end": power.t, "lane": power.dispenser})
    return found + [{"t": t, "end": end, "lane": lane} for lane, t in since.items()]


def _ways(run: Path, names: dict[str, str]) -> list[dict[str, object]]:
    seen: dict[tuple[str, int, int], dict[str, object]] = {}
    for record in _stored(run):
        way = _way(record.dispenser, record.epoch, record.seq, record.raw, names, seen)
        way["t"] = record.t
        _stops(way)["backend"] = record.stored_at * _US
    for path in spools(run):
        for dispenser, epoch, seq, raw, at in _spooled(path):
            way = _way(dispenser, epoch, seq, raw, names, seen)
            _stops(way)[path.parent.name] = at * _US
            way["t"] = way["t"] or stored.told_ns(raw)
    return list(seen.values())


def _way(
    dispenser: str, epoch: int, seq: int, raw: bytes, names: dict[str, str],
    seen: dict[tuple[str, int, int], dict[str, object]],
) -> dict[str, object]:  # fmt: skip
    made: dict[str, object] = {
        "lane": names.get(dispenser, dispenser), "seq": seq, "what": describe(raw), "t": None,
        "stops": {},
        "key": f"{dispenser}/{epoch}/{seq}",
    }  # fmt: skip
    return seen.setdefault((dispenser, epoch, seq), made)


def _stops(way: dict[str, object]) -> dict[str, int]:
    stops = way["stops"]
    assert isinstance(stops, dict)
    return stops


def _never_seen(
    entries: Sequence[ledger.Entry], ways: Sequence[dict[str, object]], wrong: Sequence[str]
) -> list[dict[str, object]]:
    """What the ledger says must be there and nobody has: its line ends at the dispenser."""
    stored_otherwise = "\n".join(wrong)
    try:
        items = expected.expected_records(entries, expected.debounce_ms())
    except ledger.LedgerError:
        return []
    left = list(ways)
    lost: list[dict[str, object]] = []
    for item in sorted((e for e in items if not e.undecided), key=lambda e: e.t):
        found = [(off, n) for n, way in enumerate(left) if (off := _off(item, way)) is not None]
        if found:
            left.pop(min(found)[1])
        elif f"{wanted(item)}: stored" not in stored_otherwise:
            what = f"{item.kind.upper()} LOST"
            lost.append(
                {"lane": item.dispenser, "seq": None, "what": what, "t": item.t, "stops": {}}
            )
    return lost


def _off(item: expected.Expected, way: dict[str, object]) -> int | None:
    """Return how far a record's time is from what it must tell, None if it is another record."""
    t = way["t"]
    first = (f"{name} {value}" for name, value in item.fields[:1])
    if (way["lane"], way["what"]) != (item.dispenser, " ".join((item.kind.upper(), *first))):
        return None
    off = abs(t - item.t) if isinstance(t, int) else item.within
    return off if off <= item.within else None


def _stored(run: Path) -> list[stored.Stored]:
    try:
        return stored.load(run / STORE)
    except sqlite3.Error:
        return []


def _spooled(path: Path) -> list[tuple[str, int, int, bytes, int]]:
    try:
        with reading(path) as db:
            rows = db.execute("SELECT dispenser, epoch, seq, raw, received_at FROM records")
            return [tuple(row) for row in rows]
    except sqlite3.Error:
        return []
