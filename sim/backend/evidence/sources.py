"""Records and gateway states out of a store, for the evidence of one episode."""

import json
from collections.abc import Iterable

from sim.backend.evidence.silence import Link, LinkState
from sim.backend.store import Store
from sim.backend.tables import StoredRecord

_LINKS = {link.value: link for link in Link}


def rows(store: Store, dispensers: Iterable[str]) -> list[StoredRecord]:
    """Return every record of these dispensers; which of them verified, each says itself."""
    return [
        row
        for dispenser in sorted(dispensers)
        for stream in store.streams(dispenser=dispenser)
        for row in store.records(dispenser, stream.epoch)
    ]


def link_state(at: int, payload: bytes) -> LinkState | None:
    """Return what a gateway's state says from unix ms `at` on; None if it says nothing of it.

    The payload is the retained JSON of `up/state`: `online`, for slow profiles also
    `sleeping_until` (unix s): a gateway that said when it comes back explains nothing yet.
    """
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not isinstance(told.get("online"), bool):
        return None
    if told["online"] or "sleeping_until" in told:
        return LinkState(at, Link.ONLINE)
    return LinkState(at, _LINKS.get(str(told.get("why")), Link.OFFLINE))
