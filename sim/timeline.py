"""A run as one HTML page that opens from disk: a lane for each part, a line for each record.

What is where is taken from the run's own files; a record's line ends where it was seen last.
"""

import html
import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from sim import expected, ledger, stored
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
    return {
        "lanes": [*sorted(names.values()), *gateways, "backend"],
        "marks": [_mark(s) for s in ledger.only(ledger.Stimulus, entries)],
        "bars": _bars(entries),
        "ways": _ways(run, names) + _never_stored(run, entries),
        "wrong": list(wrong),
    }


def _mark(s: ledger.Stimulus) -> dict[str, object]:
    return {"t": s.t, "lane": s.dispenser, "text": f"{s.input} {'on' if s.active else 'off'}"}


def _bars(entries: Sequence[ledger.Entry]) -> list[dict[str, object]]:
    bars: list[dict[str, object]] = []
    healed = ledger.only(ledger.Healed, entries)
    end = max((entry.t for entry in entries), default=0)
    for fault in ledger.only(ledger.Fault, entries):
        part = fault.part or fault.dispenser
        over = [h.t for h in healed if (h.healed, h.part) == (fault.fault, fault.part)]
        until = min((t for t in over if t >= fault.t), default=fault.t if not fault.part else end)
        bars.append({"t": fault.t, "end": until, "lane": part, "text": fault.fault})
    return bars


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
    return list(seen.values())


def _way(
    dispenser: str, epoch: int, seq: int, raw: bytes, names: dict[str, str],
    seen: dict[tuple[str, int, int], dict[str, object]],
) -> dict[str, object]:  # fmt: skip
    made: dict[str, object] = {
        "lane": names.get(dispenser, dispenser), "seq": seq, "what": describe(raw), "t": None,
        "stops": {},
    }  # fmt: skip
    return seen.setdefault((dispenser, epoch, seq), made)


def _stops(way: dict[str, object]) -> dict[str, int]:
    stops = way["stops"]
    assert isinstance(stops, dict)
    return stops


def _never_stored(run: Path, entries: Sequence[ledger.Entry]) -> list[dict[str, object]]:
    """What the ledger says must be there and no store holds: its line ends at the dispenser."""
    try:
        wanted = expected.expected_records(entries, expected.debounce_ms())
    except ledger.LedgerError:
        return []
    names = {
        n: i for meta in ledger.only(ledger.Meta, entries) for n, i in meta.dispensers.items()
    }
    there = [(r.dispenser, r.kind, r.t) for r in _stored(run)]
    return [
        {"lane": e.dispenser, "seq": None, "what": f"{e.kind.upper()} LOST", "t": e.t, "stops": {}}
        for e in wanted
        if not e.undecided and not _is_there(e, names.get(e.dispenser, ""), there)
    ]


def _is_there(
    item: expected.Expected, dispenser: str, there: Iterable[tuple[str, str, int | None]]
) -> bool:
    return any(
        (name, kind) == (dispenser, item.kind) and (t is None or abs(t - item.t) <= item.within)
        for name, kind, t in there
    )


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
