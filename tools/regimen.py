"""Settings at the bench: dose windows, questions, quiet hours, put in force over the port.

They are a command like the backend's: signed with the command key, which the registry's secret
gives, and told by a record; so the backend learns version and counter from the journal.
"""

import asyncio
import datetime
from pathlib import Path

from protocol import schema, wire
from protocol.commands import Signer
from protocol.schema import MessageType, Settings
from sim.backend import settings_file
from sim.backend.settings_file import File, SettingsError
from tools.exits import Exit, ToolError
from tools.session import Session

_HEAD = 2
_COMMAND_HEAD = 4 + schema.MAC_SIZE


def load(path: Path, now: datetime.datetime) -> File:
    """Read a settings file and see that it fits a command; raises ToolError."""
    try:
        file = settings_file.load(path)
        size = len(wire.build(settings_file.settings(file, 1, now)))
    except (SettingsError, wire.WireError) as error:
        raise ToolError(str(error).splitlines()[0], Exit.USAGE) from error
    if size > schema.MAX_BODY - _COMMAND_HEAD:
        told = f"{path}: {size} bytes, at most {schema.MAX_BODY - _COMMAND_HEAD}"
        raise ToolError(told, Exit.USAGE)
    return file


def put(port: Path, secret: bytes, device: bytes, file: File, now: datetime.datetime) -> Settings:
    """Put them in force in the dispenser on `port`; returns them. Raises ToolError."""
    return asyncio.run(_put(port, secret, device, file, now))


async def _put(
    port: Path, secret: bytes, device: bytes, file: File, now: datetime.datetime
) -> Settings:
    async with Session(port) as session:
        had = wire.parse(schema.Config, await session.ask(MessageType.config_get))
        signer = Signer(secret, device, had.counter)
        # a version names one content for ever: records refer to it
        version = 1 + int.from_bytes(had.settings[:_HEAD], "big") % 0xFFFF
        wanted = settings_file.settings(file, version, now)
        command = signer.config_put(wanted)
        body = await session.ask(
            MessageType.config_put, wire.build(command), answer=MessageType.config_get
        )
    has = wire.parse(schema.Config, body)
    if has.settings != command.settings:
        told = "are windows, questions and zone as the file's page allows, is it this registry's?"
        raise ToolError(f"{port}: the dispenser refuses the settings: {told}")
    return wanted
