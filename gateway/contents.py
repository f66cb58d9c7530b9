"""What the spool holds, read beside the daemon without ever writing."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any


class NoSpoolError(OSError):
    """There is no spool to be read; one line."""


def contents(path: Path) -> dict[str, Any]:
    """Return what each epoch of each dispenser has in the spool; sizes in bytes.

    Raises NoSpoolError.
    """
    if not path.is_file():
        raise NoSpoolError(f"{path}: no spool yet; it is made when the gateway first runs")
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            db.execute("BEGIN")
            epochs = [_epoch(db, *at) for at in db.execute(_EPOCHS).fetchall()]
    except sqlite3.Error as error:
        raise NoSpoolError(f"{path}: cannot be read ({error})") from error
    return {"spool": str(path), "size": _size(path), "epochs": epochs}


_EPOCHS = """
SELECT dispenser, epoch FROM records UNION SELECT dispenser, epoch FROM cursor
UNION SELECT dispenser, epoch FROM watermark ORDER BY 1, 2
"""
_HELD = """
SELECT count(*), count(DISTINCT seq), min(seq), max(seq), total(length(raw)), max(received_at),
    count(*) FILTER (WHERE seq >= :mark), total(length(raw)) FILTER (WHERE seq >= :mark)
FROM records WHERE dispenser = :dispenser AND epoch = :epoch
"""


def _epoch(db: sqlite3.Connection, dispenser: str, epoch: int) -> dict[str, Any]:
    at = (dispenser, epoch)
    of = "dispenser = ? AND epoch = ?"
    mark = db.execute(f"SELECT next FROM watermark WHERE {of}", at).fetchone()
    cursor = db.execute(f"SELECT next FROM cursor WHERE {of}", at).fetchone()
    values = {"dispenser": dispenser, "epoch": epoch, "mark": mark[0] if mark else 0}
    count, seqs, first, last, size, newest, open_count, open_size = db.execute(
        _HELD, values
    ).fetchone()
    return {
        "dispenser": dispenser,
        "epoch": epoch,
        "records": count,
        "first": first,
        "last": last,
        "missing": last - first + 1 - seqs if count else 0,
        "forked": count - seqs,
        "bytes": int(size),
        "newest": newest and newest // 1_000_000,
        "read_to": cursor[0] if cursor else None,
        "stored_to": mark[0] if mark else None,
        "unconfirmed": open_count,
        "unconfirmed_bytes": int(open_size),
    }


def _size(path: Path) -> int:
    files = (path.with_name(path.name + suffix) for suffix in ("", "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def table(found: dict[str, Any]) -> str:
    """Return the contents as lines for people."""
    lines = [f"{found['spool']}: {found['size'] / 1e6:.1f} MB on disk"]
    for epoch in found["epochs"]:
        lines.append(f"dispenser {epoch['dispenser']}  epoch {epoch['epoch']}")
        lines += (f"  {line}" for line in _lines(epoch))
    return "\n".join(lines if found["epochs"] else [*lines, "nothing was ever read"])


def _lines(epoch: dict[str, Any]) -> list[str]:
    held = "no records held"
    if epoch["records"]:
        seqs = f"seq {epoch['first']} to {epoch['last']}"
        held = f"{epoch['records']} records, {seqs}, {epoch['bytes']} bytes"
    notes = [f"{epoch[key]} {key}" for key in ("missing", "forked") if epoch[key]]
    stored = epoch["stored_to"]
    return [
        ", ".join([held, *notes]),
        f"read to seq {_or_never(epoch['read_to'])}; backend has stored to {_or_never(stored)}",
        f"{epoch['unconfirmed']} records not confirmed ({epoch['unconfirmed_bytes']} bytes)",
    ]


def _or_never(following: int | None) -> str:
    return "nothing" if not following else str(following - 1)
