"""Folders of runs."""

from pathlib import Path


def own(runs: Path, name: str) -> Path:
    """Make a folder for a run that no other run has, also one begun in the same second.

    Raises OSError.
    """
    folder = runs / name
    again = 1
    while True:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if not runs.is_dir():
                raise
            again += 1
            folder = runs / f"{name}-{again}"
        else:
            return folder
