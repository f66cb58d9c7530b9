"""Which records of a dispenser are not at the clinic yet: what would be lost with its journal."""

import asyncio
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from protocol import schema, wire
from protocol.schema import Hello, MessageType, Record, RecordType
from sim.backend.registry import Retired
from sim.backend.store import Store, StoreError, open_store
from tools.exits import Exit, ToolError
from tools.session import Session

HARMLESS = (
    RecordType.epoch, RecordType.boot, RecordType.state, RecordType.maintenance,
    RecordType.suppressed, RecordType.heartbeat, RecordType.power, RecordType.release,
)  # fmt: skip
"""What a bench makes of itself, and what nobody misses."""
_WITHIN = 60.0


class UndeliveredError(ToolError):
    """Records would be lost; one line."""

    def __init__(self, text: str) -> None:
        super().__init__(text, Exit.UNDELIVERED)


def refuse(port: Path, hello: Hello, store: str | None, ended: Retired | None) -> None:
    """Raise UndeliveredError if a record that matters is not stored; reads those in question.

    `store` is the backend's (file or URL); without, what the dispenser heard since it was switched
    on counts. Records given up when the epoch was retired (`ended`) do not.
    """
    if hello.epoch == 0 or hello.next == hello.first:
        return
    stored = heard(port) if store is None else watermark(store, hello)
    waived = ended.next if ended and ended.lost else 0
    start = max(stored, waived, hello.first)
    lacking = [r for r in asyncio.run(records(port, hello, start)) if r.type not in HARMLESS]
    if lacking:
        dispenser = hello.device_id.hex()
        says = "the backend has" if store else "it has heard a gateway confirm"
        raise UndeliveredError(
            f"{port}: {len(lacking)} records of {dispenser} are not delivered ({says} all before "
            f"seq {stored}, the first is {lacking[0].seq}): let a gateway deliver them and give "
            "--store, or --lost REASON"
        )


def opened(store: str) -> Store:
    """Return the backend's store (file or URL), to be read only; raises ToolError."""
    where = store if "://" in store else Path(store)
    if isinstance(where, Path) and not where.is_file():
        raise ToolError(f"store {store}: no such file", Exit.USAGE)
    try:
        return open_store(where, readonly=True)
    except (StoreError, SQLAlchemyError) as error:
        raise _unreadable(store, error) from error


def watermark(store: str, hello: Hello) -> int:
    """Return the first seq that the backend has not stored; raises ToolError."""
    found = opened(store)
    try:
        streams = found.streams(dispenser=hello.device_id.hex(), epoch=hello.epoch)
    except SQLAlchemyError as error:
        raise _unreadable(store, error) from error
    finally:
        found.close()
    return streams[0].next if streams else 0


def _unreadable(store: str, error: Exception) -> ToolError:
    # a URL may hold a password
    name = store.rpartition("@")[2]
    return ToolError(f"store {name}: {str(error).splitlines()[0]}", Exit.USAGE)


def heard(port: Path) -> int:
    """Return the newest watermark that the dispenser was told since it was switched on."""

    async def ask() -> int:
        async with Session(port) as session:
            status = wire.parse(schema.Status, await session.ask(MessageType.status))
            return status.watermark

    return asyncio.run(ask())


async def records(port: Path, hello: Hello, start: int) -> list[Record]:
    """Return what the journal holds from `start` up to `hello.next`; raises SessionError."""
    found: list[Record] = []
    if start >= hello.next:
        return found
    async with Session(port) as session, asyncio.timeout(_WITHIN):
        async for events in session.events(hello.epoch, start):
            found += [wire.parse(Record, raw) for raw in wire.events_records(events)]
            if found[-1].seq + 1 >= hello.next:
                break
    return found
