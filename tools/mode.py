"""Mode bench from a tech's machine: for minutes, what is done at a dispenser is nobody's."""

from pathlib import Path

from protocol import schema, wire
from protocol.schema import Hello, MessageType, Mode, Service
from tools.exits import ToolError
from tools.session import Session

MINUTES = 15
"""As long as a dispenser allows."""


async def begin(session: Session, port: Path) -> Hello:
    """Put it into mode bench; returns its HELLO of before. Raises ToolError."""
    hello = await session.hello()
    if hello.service != Service.ok:
        told = (
            "`dosewire provision` first" if hello.service == Service.unprovisioned else "mend it"
        )
        raise ToolError(f"{port}: needs service ({hello.service.name}): {told}")
    if await _set(session, Mode.bench, MINUTES) != Mode.bench:
        raise ToolError(f"{port}: does not take mode bench: a release from before? flash it")
    return hello


async def end(session: Session) -> None:
    """Give it back to the patient's mode."""
    await _set(session, Mode.patient, 0)


async def _set(session: Session, mode: Mode, minutes: int) -> Mode:
    body = wire.build(schema.EnterMode(mode, minutes))
    return wire.parse(schema.ModeNow, await session.ask(MessageType.mode, body)).mode
