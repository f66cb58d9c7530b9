"""Records and gateway states out of a store, for the evidence of one episode."""

from collections.abc import Iterable
from pathlib import Path

from sim.backend.evidence.silence import Link, LinkState
from sim.backend.store import Store, StoreError
from sim.backend.tables import StoredRecord


def place(text: str) -> Path | str:
    """Return a store as `open_store` wants it: a file, or the URL of a server.

    Raises StoreError if it is a file that is not there.
    """
    if "://" in text:
        return text
    if not Path(text).is_file():
        raise StoreError(f"store {text}: no such file")
    return Path(text)


def rows(store: Store, dispensers: Iterable[str]) -> list[StoredRecord]:
    """Return every record of these dispensers; which of them verified, each says itself."""
    return [
        row
        for dispenser in sorted(dispensers)
        for stream in store.streams(dispenser=dispenser)
        for row in store.records(dispenser, stream.epoch)
    ]


def links(store: Store, held: Iterable[StoredRecord]) -> list[LinkState]:
    """Return what the gateways of the newest of these records said of themselves last.

    The store keeps one state a gateway, with the moment it began: it explains the dates from then
    on. A gateway that said when it comes back, and may still sleep, explains nothing yet.
    """
    newest: dict[str, StoredRecord] = {}
    for row in sorted(held, key=lambda row: (row.stored_at, row.epoch, row.seq)):
        newest[row.dispenser] = row
    found = []
    for gateway in sorted({row.gateway for row in newest.values()}):
        for state in store.gateways(gateway=gateway):
            away = not state.online and state.sleeping_until is None
            found.append(LinkState(state.since // 1000, Link.OFFLINE if away else Link.ONLINE))
    return found
