"""What gateways say of themselves on `up/state`: online, gone (their last will), or asleep."""

import dataclasses
import json

from sqlalchemy import Connection, select

from sim.backend.tables import gateways
from sim.backend.upsert import replace

_MOST = 1024
_LATEST = 1 << 40


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """A gateway's state; `sleeping_until` in unix s, None unless it stays away on purpose."""

    online: bool
    sleeping_until: int | None
    body: bytes


def parse(body: bytes) -> State:
    """Return the state that a payload tells; unknown keys are kept, not understood.

    Raises ValueError if it tells none.
    """
    if len(body) > _MOST:
        raise ValueError(f"{len(body)} bytes, at most {_MOST}")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError("not JSON") from error
    if not isinstance(told, dict) or not isinstance(told.get("online"), bool):
        raise ValueError('no "online": true or false')
    until = told.get("sleeping_until")
    if until is not None and (type(until) is not int or not 0 <= until < _LATEST):
        raise ValueError('"sleeping_until" is no unix time')
    return State(told["online"], until, body)


def keep(db: Connection, gateway: str, state: State, now: int) -> None:
    """Keep the newest state of a gateway; `since` moves only when it changed."""
    query = select(gateways).where(gateways.c.gateway == gateway)
    before = db.execute(query).first()
    same = before is not None and (before.online, before.body) == (state.online, state.body)
    until = None if state.sleeping_until is None else state.sleeping_until * 1_000_000
    row = {
        "gateway": gateway,
        "online": state.online,
        "sleeping_until": until,
        "since": before.since if before is not None and same else now,
        "heard_at": now,
        "body": state.body,
    }
    replace(db, gateways, row, ("online", "sleeping_until", "since", "heard_at", "body"))
