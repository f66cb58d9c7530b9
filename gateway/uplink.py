"""MQTT 5 over mutual TLS, behind a narrow interface: a fresh paho client for every connection.

Clean start, session expiry 0 (OASIS MQTT 5.0, 3.1.2): the broker holds no truth. paho's own queue
and reconnection are not used; its thread only calls `call_soon_threadsafe`.
"""

import asyncio
import contextlib
import json
import logging
import random
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, Protocol

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from gateway import config
from gateway.counters import Counters
from protocol import topics

_log = logging.getLogger(__name__)
_CONNECT_WITHIN = 15.0
_CONNACK_WITHIN = 30.0
_DEAD_AFTER_MS = 60_000
_FAILED = 0x80
_GOODBYE = 0.2
_BEAT_EVERY = 10.0
_ONLINE = json.dumps({"online": True}).encode()
_OFFLINE = json.dumps({"online": False}).encode()


class Listener(Protocol):
    """Who wants to know what the broker says; called on the event loop."""

    def connected(self) -> None:
        """Publishing is possible from now on."""

    def disconnected(self) -> None:
        """What was published and not acknowledged may or may not have arrived."""

    def puback(self, token: int, code: int) -> None:
        """Take the broker's answer to a publication (MQTT 5.0, 3.4.2.1)."""

    def message(self, topic: str, payload: bytes) -> None:
        """Take a message for this gateway."""


class Uplink:
    """Keeps one connection to the broker, with full jitter between tries."""

    def __init__(
        self, settings: config.Uplink, gateway: str, tls: ssl.SSLContext, counters: Counters
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._tls = tls
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._listener: Listener | None = None
        self._client: Client | None = None
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._up = False
        self._unacked: set[int] = set()
        self._number = 0
        self._tries = 0
        self._trouble = ""
        self.beat: Callable[[], None] = lambda: None

    @property
    def connected(self) -> bool:
        """Tell whether publishing is possible."""
        return self._up

    @property
    def trouble(self) -> str:
        """Why the last connection failed or ended, "" when all is well."""
        return self._trouble

    async def run(self, listener: Listener) -> None:
        """Connect, and again whenever the connection ends; never ends by itself."""
        self._listener = listener
        while True:
            self.beat()
            reason = await self._connect_once()
            self._counters.add("connects_failed")
            ceiling = min(self._settings.retry_max, self._settings.retry_min * 2.0**self._tries)
            self._tries = min(self._tries + 1, 60)
            # full jitter: the gateways of a region must not come back all at once
            delay = random.uniform(0.0, ceiling)
            if reason != self._trouble:
                _log.warning("uplink: %s; next try in %.1f s", reason, delay)
            self._trouble = reason
            await asyncio.sleep(delay)

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> int | None:
        """Publish with QoS 1; returns the token of its `puback`, None if not connected."""
        if self._client is None or not self._up:
            return None
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return None
        self._counters.add("bytes_published", len(payload))
        token = self._token(self._number, info.mid)
        self._unacked.add(token)
        return token

    def progress(self) -> None:
        """Note that the backend stored something: only this ends the growing of delays."""
        self._tries = 0

    async def close(self, within: float) -> None:
        """Say goodbye: wait for acknowledgements at most `within` seconds, then disconnect."""
        client, up = self._client, self._up
        if client is None:
            return
        if up:
            end = self._loop.time() + within
            self.publish(topics.state(self._gateway), _OFFLINE, retain=True)
            while self._unacked and self._up and self._loop.time() < end:
                await asyncio.sleep(0.005)
        self._drop(client)

    # ---- one connection ---------------------------------------------------------------------

    async def _connect_once(self) -> str:
        self._number += 1
        self._ended = self._loop.create_future()
        client = self._client = self._make_client(self._number)
        threading.Thread(
            target=self._start, args=(client, self._number), name="connect", daemon=True
        ).start()
        try:
            await asyncio.wait({self._ended}, timeout=_CONNACK_WITHIN)
            if not self._up and not self._ended.done():
                return f"no answer from the broker within {_CONNACK_WITHIN:.0f} s"
            while not self._ended.done():
                self.beat()
                await asyncio.wait({self._ended}, timeout=_BEAT_EVERY)
            return self._ended.result()
        finally:
            self._drop(client)

    def _drop(self, client: Client) -> None:
        was_up, self._up = self._up, False
        self._client = None
        self._unacked.clear()
        sock = client.socket()
        client.disconnect()
        if sock is not None:
            # paho's thread ends when its socket does, also if it could not write DISCONNECT
            self._loop.call_later(_GOODBYE, _close_socket, sock)
        if was_up and self._listener is not None:
            self._listener.disconnected()

    def _make_client(self, number: int) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._gateway,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.suppress_exceptions = True
        client.connect_timeout = _CONNECT_WITHIN
        client.tls_set_context(self._tls)
        client.will_set(topics.state(self._gateway), _OFFLINE, qos=1, retain=True)
        self._set_callbacks(client, number)
        return client

    def _set_callbacks(self, client: Client, number: int) -> None:
        def on_connect(client: Client, _user: Any, _flags: Any, code: Any, _more: Any) -> None:
            if self._client is not client:
                # given up meanwhile: it would throw the newer connection off
                client.disconnect()
            elif not code.is_failure:
                client.subscribe(topics.all_down(self._gateway), qos=1)
                self._call(self._connected, number)
            else:
                self._call(self._end, number, f"the broker refused the connection: {code}")

        def on_disconnect(_c: Any, _user: Any, _flags: Any, code: Any, _more: Any) -> None:
            self._call(self._end, number, f"connection lost: {code}")

        def on_publish(_c: Any, _user: Any, mid: int, code: Any, _more: Any) -> None:
            self._call(self._puback, number, mid, int(code.value))

        def on_subscribe(_c: Any, _user: Any, _mid: int, codes: Any, _more: Any) -> None:
            if any(code.value >= _FAILED for code in codes):
                self._call(self._end, number, f"the broker refused the subscription: {codes[0]}")

        def on_message(_c: Any, _user: Any, message: MQTTMessage) -> None:
            self._call(self._message, number, message.topic, bytes(message.payload))

        client.on_socket_open = _tune
        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        client.on_publish = on_publish
        client.on_subscribe = on_subscribe
        client.on_message = on_message

    # ---- paho's threads ---------------------------------------------------------------------

    def _start(self, client: Client, number: int) -> None:
        try:
            client.connect(
                self._settings.host,
                self._settings.port,
                keepalive=self._settings.keepalive,
                clean_start=True,
            )
            client.loop_start()
        except Exception as error:
            reason = getattr(error, "verify_message", "") or getattr(error, "strerror", "")
            self._call(self._end, number, f"cannot connect: {reason or error}")

    def _call(self, method: Callable[..., None], *args: Any) -> None:
        # the loop may have ended before paho's thread
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(method, *args)

    # ---- on the event loop ------------------------------------------------------------------

    def _connected(self, number: int) -> None:
        if number != self._number or self._ended.done() or self._listener is None:
            return
        self._up = True
        self._trouble = ""
        self._counters.add("connects")
        _log.info("uplink: connected to %s:%d", self._settings.host, self._settings.port)
        self.publish(topics.state(self._gateway), _ONLINE, retain=True)
        self._listener.connected()

    def _end(self, number: int, reason: str) -> None:
        if number == self._number and not self._ended.done():
            self._ended.set_result(reason)

    def _puback(self, number: int, mid: int, code: int) -> None:
        token = self._token(number, mid)
        if token not in self._unacked or self._listener is None:
            return
        self._unacked.discard(token)
        self._listener.puback(token, code)

    def _message(self, number: int, topic: str, payload: bytes) -> None:
        if number == self._number and self._up and self._listener is not None:
            self._listener.message(topic, payload)

    @staticmethod
    def _token(number: int, mid: int) -> int:
        return number << 16 | mid


def _tune(_client: Client, _user: Any, sock: Any) -> None:
    # paho leaves Nagle on: with it every PUBACK takes 40 ms (tcp(7))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_AFTER_MS)


def _close_socket(sock: Any) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
