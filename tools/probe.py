"""What is on the ports, without changing anything: HELLO, STATUS and LOG of an app that runs, the
banner of a prompt that is free. Nothing is interrupted unless `prompt` allows it.
"""

import asyncio
import re
from pathlib import Path
from typing import Any

from gateway.prompt import answers
from gateway.serial_port import PortBusyError, SerialPort
from protocol import schema, wire
from protocol.schema import Hello, MessageType
from tools import facts as asking
from tools.dissect import moment
from tools.exits import Exit, ToolError
from tools.port import busy, check
from tools.prompt import Prompt
from tools.session import Session, SessionError

_BANNER = re.compile(rb"MicroPython v?(\S+) on \S+; ([^\r\n]+)")
_SELFTEST = """
try:
    import sys
    sys.path.insert(0, "/slots/" + ("b" if _text("/slot") == "b" else "a"))
    from dispenser import selftest
    print("faults", selftest.run())
except ImportError:
    print("none")
"""


def probe(port: Path, *, prompt: bool = False) -> dict[str, Any]:
    """Return what is there as plain data: `state` is app, prompt or silent.

    With `prompt` the board is stopped and asked at its prompt as well, then started again: a
    dispenser notes that. Raises PortError.
    """
    check(port)
    found: dict[str, Any] = {"port": str(port)}
    found |= asyncio.run(_app(port)) or asyncio.run(_banner(port))
    if prompt:
        found |= _asked(port)
    return found


async def _app(port: Path) -> dict[str, Any]:
    async with Session(port) as session:
        try:
            hello = await session.hello()
        except SessionError:
            return {}
        status = wire.parse(schema.Status, await session.ask(MessageType.status))
        return {"state": "app"} | _of_hello(hello) | _of_status(status)


def _of_hello(hello: Hello) -> dict[str, Any]:
    return {
        "board": hello.board.rstrip(b"\0").decode("ascii", "replace"),
        "release": f"{hello.major}.{hello.minor}.{hello.patch}",
        "protocol": hello.version,
        "service": hello.service.name,
        "dispenser": hello.device_id.hex() if any(hello.device_id) else None,
        "epoch": hello.epoch or None,
        "first": hello.first,
        "next": hello.next,
        "clock": moment(hello.time, 0, hello.quality),
        "quality": hello.quality.name,
        "uptime": hello.uptime,
    }


def _of_status(status: schema.Status) -> dict[str, Any]:
    return {
        "free": status.free,
        "battery": status.battery or None,
        "active": status.active,
        "delivered": status.watermark,
    }


async def _banner(port: Path) -> dict[str, Any]:
    # empties the line and shows the banner again; stops nothing that runs
    try:
        line = SerialPort(port)
    except PortBusyError as error:
        raise busy(port) from error
    except OSError as error:
        raise ToolError(f"{port}: {error.strerror}: plug it in again", Exit.FAILED) from error
    loop = asyncio.get_running_loop()
    seen = _Seen(line)
    try:
        there = await answers(seen, loop.time)
    except OSError as error:
        raise ToolError(f"{port}: {error}: plug it in again", Exit.FAILED) from error
    finally:
        line.close()
    banner = _BANNER.search(seen.data)
    if not there:
        return {"state": "silent"}
    return {"state": "prompt"} | (
        {"micropython": banner[1].decode(), "machine": banner[2].decode()} if banner else {}
    )


class _Seen:
    """A line that keeps what came."""

    def __init__(self, line: SerialPort) -> None:
        self._line = line
        self.data = b""

    async def read(self, timeout: float) -> bytes:
        data = await self._line.read(timeout)
        self.data = (self.data + data)[-1000:]
        return data

    async def write(self, data: bytes, timeout: float) -> None:
        await self._line.write(data, timeout)


def _asked(port: Path) -> dict[str, Any]:
    with Prompt(port) as prompt:
        facts = asking.ask(prompt)
        told = prompt.run(_SELFTEST)
        prompt.reset()
    faults = re.search(r"faults \[([0-9, ]*)\]", told)
    return {
        "machine": facts.machine,
        "micropython": ".".join(map(str, facts.micropython)),
        "slot": facts.active if facts.installed else None,
        "slots": {
            slot: {"release": facts.versions[slot], "state": facts.states[slot]}
            for slot in asking.SLOTS
        },
        "foreign": facts.foreign,
        "identity": facts.identity,
        "faults": [int(code) for code in faults[1].split(",") if code.strip()] if faults else None,
    }
