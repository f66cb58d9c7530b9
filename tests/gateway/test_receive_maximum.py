"""A broker that takes few publications at once: no more are under way, and all arrive."""

import asyncio
import contextlib
import ssl
import struct
from pathlib import Path

from sim.certificates import Pki
from tests.support.chains import plain_chain
from tests.support.gateway import rig, until

_CONNECT, _PUBLISH, _SUBSCRIBE = 1, 3, 8
_COUNT, _EPOCH, _MOST = 60, 0x2EC, 3


class _Narrow:
    """MQTT 5 by hand: Receive Maximum 3; a PUBACK goes out when nothing more comes for a moment.

    seqs: of the records that came; most: publications that waited for their PUBACK at once.
    """

    def __init__(self, pki: Pki) -> None:
        self.seqs: set[int] = set()
        self.most = self.connections = 0
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(pki.broker.cert, pki.broker.key)

    async def serve(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._take, "127.0.0.1", port, ssl=self._tls)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        waiting: list[bytes] = []
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                try:
                    async with asyncio.timeout(0.02):
                        head = await reader.readexactly(1)
                except TimeoutError:
                    if waiting:
                        writer.write(b"\x40\x02" + waiting.pop(0))
                    continue
                self._answer(head[0], await _body(reader), writer, waiting)
                self.most = max(self.most, len(waiting))
        writer.close()

    def _answer(
        self, head: int, body: bytes, writer: asyncio.StreamWriter, waiting: list[bytes]
    ) -> None:
        if head >> 4 == _CONNECT:
            writer.write(b"\x20\x06\x00\x00\x03\x21" + struct.pack(">H", _MOST))
        elif head >> 4 == _SUBSCRIBE:
            writer.write(b"\x90\x04" + body[:2] + b"\x00\x00")
        elif head >> 4 == _PUBLISH:
            end = 2 + int.from_bytes(body[:2], "big")
            waiting.append(body[end : end + 2])
            payload = body[end + 3 + body[end + 2] :]
            self._published(body[2:end].decode(), payload, writer)

    def _published(self, topic: str, payload: bytes, writer: asyncio.StreamWriter) -> None:
        if topic.endswith("/hello"):
            down = topic.replace("/up/", "/dn/").replace("/hello", "/watermark").encode()
            mark = struct.pack(">II8sIIBB", _EPOCH, 0, bytes(8), 7, 1, 0, 0)
            publish = struct.pack(">H", len(down)) + down + b"\0" + mark
            writer.write(bytes([0x30, len(publish)]) + publish)
        elif topic.endswith("/events"):
            (first,) = struct.unpack_from(">I", payload, 13)
            self.seqs.update(range(first, first + payload[12]))


async def _body(reader: asyncio.StreamReader) -> bytes:
    size = shift = 0
    while True:
        (byte,) = await reader.readexactly(1)
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return await reader.readexactly(size)


def test_no_more_are_under_way_than_the_broker_takes(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            # all are urgent: each a message of its own
            r.dispenser(1, _EPOCH, plain_chain(_COUNT, urgent=tuple(range(_COUNT))))
            await asyncio.to_thread(r.backend.stop)
            await r.broker.stop()
            broker = _Narrow(pki)
            server = await broker.serve(r.broker.port)
            try:
                await r.run_gateway()
                await until(lambda: broker.seqs == set(range(_COUNT)))
                assert await r.end_gateway() == 0
            finally:
                server.close()
            assert broker.most == _MOST
            assert broker.connections == 1

    asyncio.run(scenario())
