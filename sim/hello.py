"""Asks a dispenser who it is, over its serial port, as any host may at any time."""

import asyncio
from pathlib import Path

from gateway.serial_port import PortBusyError, PortLostError, SerialPort
from protocol.framing import Deframer, Frame, encode
from protocol.schema import PROTOCOL_VERSION, Hello, HelloRequest, MessageType
from protocol.wire import WireError, build, parse

_PATIENCE = 1.0
"""Seconds to wait for an answer before asking again: the first bytes may meet a booting board."""


class NoAnswerError(OSError):
    """Nothing on this port answers HELLO."""


async def ask(port: Path, within: float) -> Hello:
    """Return the dispenser's HELLO; the port may be missing or busy at first.

    Raises NoAnswerError if none comes within `within` seconds.
    """
    trouble = "no answer"
    try:
        async with asyncio.timeout(within):
            while True:
                try:
                    hello = await _try(port)
                except (PortLostError, PortBusyError, OSError) as error:
                    trouble, hello = str(error), None
                    await asyncio.sleep(0.05)
                if hello is not None:
                    return hello
    except TimeoutError:
        raise NoAnswerError(f"{port}: no HELLO within {within:.0f} s ({trouble})") from None


async def _try(port: Path) -> Hello | None:
    line = SerialPort(port)
    try:
        request = build(HelloRequest(PROTOCOL_VERSION, PROTOCOL_VERSION))
        await line.write(encode(Frame(MessageType.hello, request)), _PATIENCE)
        return await _answer(line)
    finally:
        line.close()


async def _answer(line: SerialPort) -> Hello | None:
    deframer = Deframer()
    loop = asyncio.get_running_loop()
    end = loop.time() + _PATIENCE
    while loop.time() < end:
        for frame in deframer.feed(await line.read(end - loop.time())):
            if frame.type == MessageType.hello and frame.reply:
                try:
                    return parse(Hello, frame.body)
                except WireError:
                    continue
    return None
