"""Holds the backend's own placing in time against the truth (DESIGN: law 6).

`sim.stored` places records for the judgement; what clinics are told comes from
`sim.backend.placement`, which must not be surer than it may be.
"""

import itertools
from collections.abc import Iterable, Sequence

from protocol import schema
from protocol.wire import parse, seq_of
from sim.backend.placement import Basis, Placed, place
from sim.compare import Difference, Pair
from sim.expected.terms import MS
from sim.stored import Stored

_SURE = frozenset({Basis.SYNCED, Basis.TIME_SET})
"""What is said with a half width; an unsynced clock's time is told without one."""


def misplaced(pairs: Iterable[Pair], records: Sequence[Stored]) -> list[Difference]:
    """Name each record that the backend places further from the truth than it says it can be.

    `records` sorted by dispenser, epoch and seq. Raises WireError if bytes are no record.
    """
    places = _places(records)
    found = []
    for item, record in pairs:
        told = places[record.dispenser, record.epoch, seq_of(record.raw)]
        if told.basis in _SURE and told.unix_ms is not None:
            off = told.unix_ms * MS - item.t
            width = (told.uncertainty_ms or 0) * MS
            if abs(off) > width + item.within:
                text = (
                    f"{item.kind.upper()} placed {off / 1e9:+.1f} s off, ±{width / 1e9:.1f} s told"
                )
                where = (record.dispenser, record.epoch, record.seq)
                found.append(Difference("misplaced", text, *where))
    return found


def _places(records: Sequence[Stored]) -> dict[tuple[str, int, int], Placed]:
    found = {}
    keyed = sorted(records, key=lambda r: (r.dispenser, r.epoch, r.boot))
    for (dispenser, epoch, _), group in itertools.groupby(
        keyed, lambda r: (r.dispenser, r.epoch, r.boot)
    ):
        boot = place(parse(schema.Record, record.raw) for record in group)
        found.update({(dispenser, epoch, placed.seq): placed for placed in boot})
    return found
