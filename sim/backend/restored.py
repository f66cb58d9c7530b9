"""Notices that a store in a file was put back from a copy, by a few bytes beside it.

The mark says how far the store had come: it is written after each COMMIT that moves a watermark,
so before that one can be sent. A store that stands behind its mark was put back, and needs a new
id, or gateways would never send again what it lacks (DESIGN: WATERMARK). Nothing else rests on the
mark: without it, or on a new disk, nothing is noticed, and `dosewire backend renew` is needed.
"""

import dataclasses
import os
from pathlib import Path

_LENGTH = 30
# so short that a disk writes it whole or not at all
_FORM = "{:08x} {:020d}\n"


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """How far a store has come: its id, and the sum of `rev` over its streams."""

    store: int
    moves: int


class Mark:
    """The mark of a store in a file: its name with `.mark` behind it."""

    def __init__(self, store: Path) -> None:
        self._path = store.with_name(store.name + ".mark")

    def read(self) -> Place | None:
        """Return what it says; None if there is none, or it is spoilt."""
        try:
            store, moves = self._path.read_bytes()[:_LENGTH].decode("ascii").split()
            return Place(int(store, 16), int(moves))
        except (OSError, ValueError):
            return None

    def write(self, place: Place) -> bool:
        """Write it in place; False if the disk does not let it be written."""
        text = _FORM.format(place.store, place.moves).encode()
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                return os.pwrite(file, text, 0) == len(text)
            finally:
                os.close(file)
        except OSError:
            return False


def is_behind(place: Place, mark: Place | None) -> bool:
    """Tell whether a store that stands at `place` was put back from a copy.

    One of another id was put back from before a `renew`, unless it is new and holds nothing.
    """
    if mark is None:
        return False
    if place.store != mark.store:
        return place.moves > 0
    return place.moves < mark.moves
