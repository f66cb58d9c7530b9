"""Records and gateway states out of a store, for the evidence of one episode."""

from collections.abc import Iterable, Sequence

from sim.backend.evidence.silence import LinkState
from sim.backend.store import Store
from sim.backend.tables import StoredRecord


def rows(store: Store, dispensers: Iterable[str]) -> list[StoredRecord]:
    """Return every record of these dispensers; which of them verified, each says itself."""
    return [
        row
        for dispenser in sorted(dispensers)
        for stream in store.streams(dispenser=dispenser)
        for row in store.records(dispenser, stream.epoch)
    ]


def links(store: Store, held: Sequence[StoredRecord]) -> list[LinkState]:
    """Return what is known of the gateways that these records came through."""
    return []
