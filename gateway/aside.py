"""Spools that cannot be read: set aside for who wants to look, and the oldest deleted."""

import time
from pathlib import Path


def set_aside(path: Path) -> Path:
    """Rename a spool with its log out of the way; returns its new path. Raises OSError."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = aside.with_name(f"{path.name}.corrupt-{stamp}-{number}")
    for suffix in ("", "-wal", "-shm"):
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(aside.with_name(aside.name + suffix))
    return aside


def discard(path: Path, keep: int = 0) -> int:
    """Delete what was set aside of a spool, but for the `keep` newest; returns how many."""
    folder, name = path.parent, f"{path.name}.corrupt-*"
    aside = sorted(folder.glob(name), key=lambda file: (file.stat().st_mtime, file.name))
    doomed = [file for file in aside if not file.name.endswith(("-wal", "-shm"))]
    for one in doomed[: len(doomed) - keep]:
        for file in folder.glob(f"{one.name}*"):
            file.unlink(missing_ok=True)
    return max(0, len(doomed) - keep)
