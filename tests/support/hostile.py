"""A broker on TLS that sends whatever a test wants to everybody who connects."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator

from sim.certificates import Pki

CONNACK = b"\x20\x03\x00\x00\x00"
REFUSED = b"\x20\x03\x00\x97\x00"


class HostileBroker:
    """Answers the n-th connection with the n-th script of bytes, the last one ever again.

    After its bytes a connection is closed; b"" closes it before any. `seen` counts connections.
    """

    def __init__(self, port: int, pki: Pki, scripts: list[bytes]) -> None:
        self.seen = 0
        self._port = port
        self._scripts = scripts
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(pki.broker.cert, pki.broker.key)
        self._tls.load_verify_locations(pki.ca)
        self._tls.verify_mode = ssl.CERT_REQUIRED
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on the port."""
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self._port, ssl=self._tls
        )

    async def stop(self) -> None:
        """Give the port up."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts[min(self.seen, len(self._scripts) - 1)]
        self.seen += 1
        with contextlib.suppress(OSError):
            await reader.read(4096)
            writer.write(script)
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await reader.read(1)
            writer.transport.abort()


def malformed(good_topic: str) -> Iterator[bytes]:
    """Packets that no client should ever see, each after a good CONNACK or instead of it."""
    topic = good_topic.encode()
    publish = bytes([0, len(topic)]) + topic
    packets: list[bytes] = [
        b"\x20\x00",
        b"\x20\x01\x00",
        b"\x20\x05\x00\x00\x7f\x00\x00",
        b"\xff" * 16,
        b"\x00\x00",
        *(CONNACK + packet for packet in _after_connack(publish)),
    ]
    yield from packets


def _after_connack(publish: bytes) -> list[bytes]:
    def frame(head: int, body: bytes) -> bytes:
        return bytes([head, len(body)]) + body

    return [
        b"\x30\x00",
        b"\x30\x05\xff\xff\x00\x00\x00",
        frame(0x30, publish + b"\x7f"),
        frame(0x36, publish + b"\0\1\0"),
        frame(0x32, publish),
        frame(0x30, b"\0\3\xff\xfe\xfd\0body"),
        frame(0x30, publish + b"\0" + bytes(3)),
        b"\x30\xff\xff\xff\xff\x7f",
        b"\x40\x00",
        b"\x40\x02\x00\x63",
        b"\x40\x03\xff\xff\xee",
        b"\x90\x03\x00\x01\x00",
        b"\x90\x00",
        b"\x62\x02\x00\x01",
        b"\xd0\x05abcde",
        b"\xe0\x01\x8b",
        b"\xe0\x02\x97\x00",
        b"\xf0\x00",
        b"\x10\x0c\x00\x04MQTT\x05\x02\x00\x00\x00\x00",
    ]
