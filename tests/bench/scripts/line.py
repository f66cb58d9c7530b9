"""What both scripts need: the port, the conversation and the broker, as plainly as can be."""

import os
import select
import ssl
import struct
import sys
import tomllib
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from protocol.framing import Deframer, Frame, encode


def settings() -> dict[str, Any]:
    """Return the configuration named on the command line."""
    return tomllib.loads(Path(sys.argv[1]).read_text())


def broker(config: dict[str, Any]) -> Client:
    """Return a client that is connected or will be."""
    uplink = config["uplink"]
    client = Client(
        CallbackAPIVersion.VERSION2, config["gateway"]["id"], protocol=MQTTProtocolVersion.MQTTv5
    )
    context = ssl.create_default_context(cafile=uplink["ca"])
    context.load_cert_chain(uplink["cert"], uplink["key"])
    client.tls_set_context(context)
    client.connect(uplink["host"], uplink["port"])
    client.loop_start()
    return client


class Line:
    """A port read from its first record on."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._fd)
        self._deframer = Deframer()
        self._send(1, b"\1\1")
        (hello,) = (frame for frame in self._frames() if frame.type == 1)
        self.dispenser = hello.body[:8].hex()
        (self.epoch,) = struct.unpack_from(">I", hello.body, 23)
        self._send(2, struct.pack(">IIH", self.epoch, 0, 2048))

    def events(self) -> Iterator[bytes]:
        """Return EVENTS bodies for ever."""
        while True:
            for frame in self._frames():
                if frame.type == 3:
                    yield frame.body

    def ack(self, following: int) -> None:
        """Open the window."""
        self._send(4, struct.pack(">II", self.epoch, following))

    def _frames(self) -> list[Frame]:
        frames: list[Frame] = []
        while not frames:
            select.select([self._fd], [], [])
            frames = self._deframer.feed(os.read(self._fd, 65536))
        return frames

    def _send(self, kind: int, body: bytes) -> None:
        os.write(self._fd, encode(Frame(kind, body, 1)))


def following(body: bytes) -> int:
    """Return the seq after the last record of an EVENTS body."""
    (first,) = struct.unpack_from(">I", body, 13)
    return int(first) + body[12]
