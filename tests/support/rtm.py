"""A backend that follows a script: stores what it is sent in RAM and answers with watermarks."""

import asyncio
import json
import ssl
import struct
import threading
from collections import defaultdict

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sim.certificates import Pki

Key = tuple[str, int]


class ScriptedBackend:
    """Subscribes as the backend does; every record is accepted unless `truth` says otherwise.

    What is refused is stored nevertheless when the same bytes come a second time.

    stored: dispenser and epoch -> seq -> the different bytes received under it.
    """

    def __init__(self, port: int, pki: Pki) -> None:
        self.stored: dict[Key, dict[int, set[bytes]]] = defaultdict(lambda: defaultdict(set))
        self.truth: dict[Key, dict[int, bytes]] = {}
        self.refused: list[tuple[str, int, int]] = []
        self._refused: set[tuple[Key, bytes]] = set()
        self.hellos: list[str] = []
        self.states: list[object] = []
        self.events: list[tuple[str, bytes]] = []
        self.release = b""
        self.pieces_answered = 1000
        self.wanted: list[int] = []
        self.answers_to_commands: list[tuple[str, str, int, bytes]] = []
        self.store, self.rev = 7, 0
        self.answers = self.answers_events = True
        self._port = port
        self._tls = ssl.create_default_context(cafile=str(pki.ca))
        self._tls.load_cert_chain(pki.backend.cert, pki.backend.key)
        self._client: Client | None = None
        self._subscribed = threading.Event()

    async def start(self) -> None:
        """Connect and return when the subscription stands."""
        client = Client(
            CallbackAPIVersion.VERSION2, "backend", protocol=MQTTProtocolVersion.MQTTv5
        )
        client.tls_set_context(self._tls)
        client.reconnect_delay_set(1, 1)
        client.on_connect = self._on_connect
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_message = self._on_message
        self._subscribed.clear()
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        self._client = client
        while not self._subscribed.is_set():
            await asyncio.sleep(0.005)

    def stop(self) -> None:
        """Go away, the broker stays."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def next(self, key: Key) -> int:
        """First seq not stored."""
        seqs, following = self.stored[key], 0
        while following in seqs:
            following += 1
        return following

    def send_watermark(self, gateway: str, key: Key, refused: list[int] | None = None) -> None:
        """Publish where the store stands."""
        following = self.next(key)
        tag = bytes(8) if following == 0 else min(self.stored[key][following - 1])[-8:]
        self.rev += 1
        ranges = self._ranges(key, following)
        body = struct.pack(">II8sII", key[1], following, tag, self.store, self.rev)
        body += bytes([len(ranges)]) + b"".join(struct.pack(">II", *r) for r in ranges)
        body += bytes([len(refused or [])]) + b"".join(struct.pack(">I", s) for s in refused or [])
        self.send(f"rtm/v1/{gateway}/dn/{key[0]}/watermark", body)

    def send(self, topic: str, payload: bytes) -> None:
        """Publish anything."""
        if self._client is not None:
            self._client.publish(topic, payload, qos=0)

    def command(self, gateway: str, dispenser: str, kind: str, body: bytes, expiry: int) -> None:
        """Publish a command with QoS 1; returns when the broker has taken it."""
        assert self._client is not None
        properties = Properties(PacketTypes.PUBLISH)
        properties.MessageExpiryInterval = expiry
        topic = f"rtm/v1/{gateway}/dn/{dispenser}/{kind}"
        self._client.publish(topic, body, qos=1, properties=properties).wait_for_publish(5)

    def _ranges(self, key: Key, following: int) -> list[tuple[int, int]]:
        ranges: list[tuple[int, int]] = []
        for seq in sorted(seq for seq in self.stored[key] if seq > following):
            if ranges and ranges[-1][1] == seq - 1:
                ranges[-1] = (ranges[-1][0], seq)
            else:
                ranges.append((seq, seq))
        return ranges[:8]

    def _on_connect(self, client: Client, *_: object) -> None:
        properties = Properties(PacketTypes.SUBSCRIBE)
        client.subscribe("$share/ingest/rtm/v1/+/up/#", qos=1, properties=properties)

    def _on_message(self, _client: Client, _user: object, message: MQTTMessage) -> None:
        _, _, gateway, _, dispenser, *kind = message.topic.split("/")
        payload = bytes(message.payload)
        if dispenser == "state":
            self.states.append(json.loads(payload))
        elif kind == ["hello"]:
            self.hellos.append(dispenser)
            (epoch,) = struct.unpack_from(">I", payload, 23)
            if self.answers:
                self.send_watermark(gateway, (dispenser, epoch))
        elif kind in (["config"], ["release"], ["seen"], ["error"]):
            counter = int.from_bytes(message.properties.CorrelationData, "big")
            self.answers_to_commands.append((dispenser, kind[0], counter, payload))
        elif kind == ["wanted"]:
            self._send_piece(gateway, dispenser, payload)
        elif kind == ["events"]:
            self.events.append((dispenser, payload))
            self._store(gateway, dispenser, payload)

    def _send_piece(self, gateway: str, dispenser: str, payload: bytes) -> None:
        (offset,) = struct.unpack_from(">I", payload, 32)
        self.wanted.append(offset)
        head = struct.pack(">32sII", payload[:32], offset, len(self.release))
        data = self.release[offset : offset + 16_000]
        if data and len(self.wanted) <= self.pieces_answered:
            self.send(f"rtm/v1/{gateway}/dn/{dispenser}/piece", head + data)

    def _store(self, gateway: str, dispenser: str, payload: bytes) -> None:
        (epoch,) = struct.unpack_from(">I", payload)
        key, refused, at = (dispenser, epoch), [], 13
        while at < len(payload):
            end = at + 22 + payload[at + 13]
            raw, seq = payload[at:end], int.from_bytes(payload[at : at + 4], "big")
            if self.truth.get(key, {}).get(seq, raw) == raw or (key, raw) in self._refused:
                self.stored[key][seq].add(raw)
            else:
                refused.append(seq)
                self._refused.add((key, raw))
                self.refused.append((dispenser, epoch, seq))
            at = end
        if self.answers and (self.answers_events or refused):
            self.send_watermark(gateway, key, refused)
