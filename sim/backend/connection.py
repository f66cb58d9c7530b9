"""The backend's MQTT connection: its own thread, for ever; hands over deliveries, publishes.

MQTT 5, clean start, session expiry 0: the broker holds no truth. The client id is the common name
of the certificate, so a second backend with the same certificate takes the connection over.
"""

import dataclasses
import logging
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from protocol.topics import ALL_UP, state
from sim.backend.config import Mqtt

STATES = state("+")
"""The filter for what gateways say of themselves."""
_CLIENT_ID = "backend"
_CONNECT_WITHIN = 5.0
_STOP_WITHIN = 1.0
# unacknowledged deliveries that the broker may have under way to us
_RECEIVE_MAXIMUM = 64
_MAX_DOUBLINGS = 16
_LOG = logging.getLogger("dosewire.backend")


@dataclasses.dataclass(frozen=True, slots=True)
class Delivery:
    """One publish of a gateway; `confirm` sends its PUBACK."""

    topic: str
    payload: bytes
    redelivered: bool
    confirm: Callable[[], None]
    correlation: bytes = b""


class Connection:
    """Keeps subscribed; after each loss waits with full jitter, longer while nothing comes of it.

    `deliver` is called in the connection's thread with every publish, and with what is to be done
    in the loop's thread: `subscribed`, and what `command` was given. `count` is called with the
    name of what happened: `connects`, `connect_failures`.
    """

    def __init__(
        self,
        config: Mqtt,
        deliver: Callable[[Delivery | Callable[[], None]], None],
        count: Callable[[str], None],
        subscribed: Callable[[], None],
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._config = config
        self._subscription = f"$share/{config.group}/{ALL_UP}"
        self._deliver = deliver
        self._count = count
        self._subscribed = subscribed
        self._jitter = jitter
        self._client: Client | None = None
        self._publishing = threading.Lock()
        self._taken: dict[int, Callable[[], None]] = {}
        self._worked = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._stay_connected, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect in order and end, within a second."""
        self._stopped.set()
        client = self._client
        if client is not None:
            client.disconnect()
        self._thread.join(_STOP_WITHIN)

    def publish(self, topic: str, payload: bytes) -> bool:
        """Publish once (QoS 0, not retained); False if there is no connection."""
        client = self._client
        if client is None or not client.is_connected():
            return False
        return client.publish(topic, payload, qos=0).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    @property
    def connected(self) -> bool:
        """Whether publishing is possible."""
        client = self._client
        return client is not None and client.is_connected()

    def command(
        self, topic: str, payload: bytes, expires_in: int, taken: Callable[[], None]
    ) -> bool:
        """Publish once (QoS 1, not retained), to be forgotten after so many seconds.

        `taken` is handed to `deliver` when the broker took it for somebody who is there; it may
        never be. False if there is no connection.
        """
        client = self._client
        if client is None or not client.is_connected():
            return False
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = expires_in
        with self._publishing:
            info = client.publish(topic, payload, qos=1, properties=properties)
            self._taken[info.mid] = taken
        return info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _stay_connected(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            self._worked = False
            began = time.monotonic()
            try:
                self._live_once()
            except Exception as error:
                # whatever the network or the library does: the next attempt may work
                self._count("connect_failures")
                _LOG.warning("broker: %s", error)
            long_lived = time.monotonic() - began > self._config.retry_max
            failures = 0 if self._worked or long_lived else min(failures + 1, _MAX_DOUBLINGS)
            longest = min(self._config.retry_max, self._config.retry_min * 2**failures)
            self._stopped.wait(self._jitter(0, longest))

    def _live_once(self) -> None:
        client = self._new_client()
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0
        properties.ReceiveMaximum = _RECEIVE_MAXIMUM
        client.connect(
            self._config.host,
            self._config.port,
            keepalive=self._config.keepalive,
            clean_start=True,
            properties=properties,
        )
        self._taken.clear()
        self._client = client
        try:
            while client.loop(timeout=1.0) == MQTTErrorCode.MQTT_ERR_SUCCESS:
                pass
        finally:
            self._client = None

    def _new_client(self) -> Client:
        context = ssl.create_default_context(cafile=str(self._config.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._config.cert, self._config.key)
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=_CLIENT_ID,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _CONNECT_WITHIN
        client.tls_set_context(context)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_socket_open = _no_delay
        # without this, an acknowledgement from another thread would write to the socket there
        client.on_socket_register_write = _leave_writing_to_the_loop
        return client

    def _on_connect(
        self, client: Client, _: Any, _flags: Any, code: ReasonCode, *_more: Any
    ) -> None:
        if code.is_failure:
            self._count("connect_failures")
            _LOG.warning("broker refuses the connection: %s", code)
            client.disconnect()
            return
        self._count("connects")
        wanted = SubscribeOptions(qos=1)
        # a shared subscription is not given what is retained: states come with one of its own
        client.subscribe([(self._subscription, wanted), (STATES, wanted)])

    def _on_subscribe(self, client: Client, _: Any, _mid: int, codes: Any, *_more: Any) -> None:
        if any(code.is_failure for code in codes):
            self._count("connect_failures")
            _LOG.warning("broker refuses the subscription: %s", codes[0])
            client.disconnect()
        else:
            _LOG.info("subscribed to %s", ALL_UP)
            self._deliver(self._subscribed)

    def _on_disconnect(self, _client: Client, _: Any, _flags: Any, code: Any, *_more: Any) -> None:
        _LOG.info("disconnected from the broker: %s", code)

    def _on_publish(self, _c: Any, _user: Any, mid: int, code: ReasonCode, _more: Any) -> None:
        with self._publishing:
            taken = self._taken.pop(mid, None)
        if taken is not None and code.value == 0:
            self._deliver(taken)

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        self._worked = True
        mid, qos = message.mid, message.qos

        def confirm() -> None:
            client.ack(mid, qos)

        correlation = getattr(message.properties, "CorrelationData", b"")
        self._deliver(
            Delivery(message.topic, bytes(message.payload), message.dup, confirm, correlation)
        )


def _no_delay(_client: Client, _: Any, sock: Any) -> None:
    # paho leaves Nagle's algorithm on: a PUBACK would wait for the broker's delayed ACK
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _leave_writing_to_the_loop(_client: Client, _: Any, _sock: Any) -> None:
    pass
