"""A plain MQTT 5 client to try the broker with, and a broker in a thread of its own loop."""

import asyncio
import contextlib
import queue
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from sim.broker import Broker
from sim.certificates import Credentials, Pki

WITHIN = 10


class Loop:
    """Runs coroutines from ordinary tests in one thread that lasts."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextlib.contextmanager
def running_broker(folder: Path, pki: Pki) -> Iterator[tuple[Broker, Loop]]:
    loop = Loop()
    broker = Broker(folder, pki)
    try:
        loop.run(broker.start())
        yield broker, loop
    finally:
        loop.run(broker.stop())
        loop.close()


class Peer:
    """One connection; `got` holds (topic, payload), `ended` is set when the broker ends it."""

    def __init__(self, port: int, ca: Path, who: Credentials | None, client_id: str = "") -> None:
        self.got: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.ended = threading.Event()
        self._answers: queue.Queue[object] = queue.Queue()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        context = ssl.create_default_context(cafile=str(ca))
        if who is not None:
            context.load_cert_chain(who.cert, who.key)
        self._client.tls_set_context(context)
        self._client.on_connect = lambda c, u, flags, code, props: self._answers.put(code)
        self._client.on_subscribe = lambda c, u, mid, codes, props: self._answers.put(codes[0])
        self._client.on_publish = lambda c, u, mid, code, props: self._answers.put(code)
        self._client.on_message = lambda c, u, m: self.got.put((m.topic, bytes(m.payload)))
        self._client.on_disconnect = self._on_disconnect
        self._client.connect("127.0.0.1", port, clean_start=True)
        self._client.loop_start()
        self.connected = self._answers.get(timeout=WITHIN)

    def _on_disconnect(self, *_: object) -> None:
        self.ended.set()
        self._answers.put(None)

    def subscribe(self, topic: str) -> int:
        self._client.subscribe(topic, options=SubscribeOptions(qos=1))
        return self._answers.get(timeout=WITHIN).value

    def publish(self, topic: str, payload: bytes, qos: int = 1) -> int:
        self._client.publish(topic, payload, qos=qos)
        return self._answers.get(timeout=WITHIN).value

    def next(self) -> tuple[str, bytes]:
        return self.got.get(timeout=WITHIN)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
