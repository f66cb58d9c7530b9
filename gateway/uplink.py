"""MQTT 5 over mutual TLS, behind a narrow interface: a fresh paho client for every connection.

Clean start, session expiry 0 (OASIS MQTT 5.0, 3.1.2): the broker holds no truth. paho's own queue,
reconnection and thread are not used; only connecting, which blocks, has a thread of its own.
"""

import asyncio
import contextlib
import json
import logging
import random
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from gateway import config
from gateway.aliases import Aliases
from gateway.clock import Clock
from gateway.counters import Counters
from gateway.keepalive import Keepalive
from gateway.listener import Listener, Message
from gateway.outbox import FAILED
from gateway.pending import Pending
from gateway.pump import Pump, tune
from gateway.resumption import ResumingContext
from gateway.traffic import Traffic, silence_of
from protocol import topics

_log = logging.getLogger(__name__)
_CONNECT_WITHIN = 15.0
_CONNACK_WITHIN = 30.0
_GOODBYE = 0.2
_NIGHT_PUBACK_WITHIN = 5.0
_BEAT_EVERY = 10.0
_OFFLINE = json.dumps({"online": False}).encode()


Dial = Callable[[str, int, float], socket.socket]
"""Connects to host and port within seconds; raises OSError."""


class Uplink:
    """Keeps one connection to the broker, with full jitter between tries.

    dial: makes the connection, if not paho. tells: what else its state says when it comes online.
    """

    def __init__(
        self,
        settings: config.Uplink,
        gateway: str,
        tls: ResumingContext,
        counters: Counters,
        clock: Clock,
        traffic: Traffic,
        dial: Dial | None = None,
        profile: str = "prompt",
    ) -> None:
        self.tells: Callable[[], dict[str, Any]] = dict
        self._dial = dial
        self._settings = settings
        self._gateway = gateway
        self._tls = tls
        self._counters = counters
        self._clock = clock
        self._traffic = traffic
        self._keepalive = Keepalive(settings.keepalive, profile)
        self._began = self._heard = self._lost = clock.monotonic()
        self._woken = asyncio.Event()
        self._sleep: float | None = None
        self._nap: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._listener: Listener | None = None
        self._client: Client | None = None
        self._pump: Pump | None = None
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._up = False
        self._aliases = Aliases()
        self._unacked = Pending(clock.monotonic)
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

    @property
    def keepalive(self) -> int:
        """Seconds of silence that the way seems to endure."""
        return self._keepalive.seconds

    @property
    def asleep(self) -> bool:
        """Tell whether it stays away on purpose, as its profile wants."""
        return self._sleep is not None

    @property
    def lost_at(self) -> float | None:
        """When its session ended, or was to begin; None with one, or asleep."""
        return None if self._up or self.asleep else self._lost

    def heard(self) -> float | None:
        """Return how many seconds ago the broker was heard, None without a connection."""
        if self._client is None or not self._up:
            return None
        try:
            return silence_of(self._client.socket())
        except OSError:
            return None

    async def run(self, listener: Listener) -> None:
        """Connect, and again whenever the connection ends; never ends by itself."""
        self._listener = listener
        while True:
            self.beat()
            reason = await self._connect_once()
            if self._sleep is not None:
                await self._sleep_out(self._sleep)
                continue
            self._counters.add("connects_failed")
            ceiling = min(self._settings.retry_max, self._settings.retry_min * 2.0**self._tries)
            self._tries = min(self._tries + 1, 60)
            # full jitter: the gateways of a region must not come back all at once
            delay = random.uniform(0.0, ceiling)
            if reason != self._trouble:
                _log.warning("uplink: %s; next try in %.1f s", reason, delay)
            self._trouble = reason
            await asyncio.sleep(delay)

    def publish(
        self, topic: str, payload: bytes, retain: bool = False, correlation: bytes = b""
    ) -> int | None:
        """Publish with QoS 1; returns the token of its `puback`, None if not connected."""
        if self._client is None or not self._up:
            return None
        named, properties = self._aliases.publish(topic, correlation)
        info = self._client.publish(named, payload, 1, retain, properties)
        if self._pump is not None:
            self._pump.sent()
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return None
        self._counters.add("bytes_published", len(payload))
        token = self._token(self._number, info.mid)
        self._unacked.add(token)
        return token

    def progress(self) -> None:
        """Note that the backend stored something: only this ends the growing of delays."""
        self._tries = 0

    def sample(self) -> None:
        """Count the bytes of the connection so far."""
        if self._client is not None:
            self._traffic.sample(self._client.socket())

    def sleep(self, seconds: float) -> None:
        """Disconnect in order, and stay away so long or until woken."""
        if self._up and self._sleep is None:
            self._sleep = seconds
            self._nap = asyncio.create_task(self._go_to_sleep(self._number, seconds))

    def wake(self) -> None:
        """Connect now, if asleep or about to be."""
        if self._sleep is not None:
            self._woken.set()

    def renew(self, reason: str) -> None:
        """End the connection, to be made anew: its way is gone, which TCP has not noticed."""
        self._end(self._number, reason)

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

    # ---- asleep -----------------------------------------------------------------------------

    async def _go_to_sleep(self, number: int, seconds: float) -> None:
        until = int(self._clock.unix() + seconds)
        state = json.dumps({"online": False, "sleeping_until": until}).encode()
        token = self.publish(topics.state(self._gateway), state, retain=True)
        end = self._loop.time() + _NIGHT_PUBACK_WITHIN
        while token in self._unacked and self._loop.time() < end:
            await asyncio.sleep(0.01)
        self._end(number, "asleep")

    async def _sleep_out(self, seconds: float) -> None:
        end = self._clock.monotonic() + seconds
        while not self._woken.is_set() and self._clock.monotonic() < end:
            self.beat()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_BEAT_EVERY, end - self._clock.monotonic())):
                    await self._woken.wait()
        self._sleep = None
        self._lost = self._clock.monotonic()
        self._woken.clear()

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
                self._watch()
                await asyncio.wait({self._ended}, timeout=_BEAT_EVERY)
            return self._ended.result()
        finally:
            self._drop(client)

    def _watch(self) -> None:
        self.beat()
        silent = self.heard()
        if silent is not None:
            self._heard = self._clock.monotonic() - silent
        if self._unacked.overdue:
            self._end(self._number, "the broker has answered nothing for a minute")

    def _drop(self, client: Client) -> None:
        was_up, self._up = self._up, False
        if was_up:
            self._lost = self._clock.monotonic()
        pump, self._pump = self._pump, None
        self._client = None
        self._unacked.clear()
        self._traffic.sample(client.socket())
        if pump is not None:
            client.disconnect()
            pump.flush()
            # it closes the socket by itself, unless it could not write DISCONNECT
            self._loop.call_later(_GOODBYE, pump.close)
        if not was_up:
            self._keepalive.tried(worked=False)
        elif self._listener is not None:
            self._listener.disconnected()

    def _make_client(self, number: int) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._gateway,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.suppress_exceptions = True
        client.connect_timeout = _CONNECT_WITHIN
        client.tls_set_context(self._tls)
        client.will_set(topics.state(self._gateway), _OFFLINE, qos=1, retain=True)
        self._set_callbacks(client, number)
        if self._dial is not None:
            # paho can bind to an address of ours, not to an interface
            way = (self._settings.host, self._settings.port, _CONNECT_WITHIN)
            client._create_socket_connection = partial(self._dial, *way)  # type: ignore[method-assign]
        return client

    def _set_callbacks(self, client: Client, number: int) -> None:
        # not at once: paho holds a lock while it calls, and writes nothing
        soon = self._loop.call_soon

        def on_socket_open(client: Client, _user: Any, sock: Any) -> None:
            tune(sock, self._keepalive.probe_after)
            if self._client is not client:
                # given up meanwhile: its CONNECT would throw the newer connection off
                sock.close()

        def on_connect(client: Client, _user: Any, _flags: Any, code: Any, more: Any) -> None:
            if code.is_failure:
                soon(self._end, number, f"the broker refused the connection: {code}")
            else:
                # 3.2.2.3.3: paho heeds it only when told before there is a connection
                most = getattr(more, "ReceiveMaximum", client.max_inflight_messages)
                client._max_inflight_messages = min(most, client.max_inflight_messages)
                client.subscribe(topics.all_down(self._gateway), qos=1)
                aliases = Aliases(getattr(more, "TopicAliasMaximum", 0))
                soon(self._connected, number, self._tls.remember(client.socket()), aliases)

        def on_disconnect(_c: Any, _user: Any, _flags: Any, code: Any, _more: Any) -> None:
            self._call(self._end, number, f"connection lost: {code}")

        def on_publish(_c: Any, _user: Any, mid: int, code: Any, _more: Any) -> None:
            soon(self._puback, number, mid, int(code.value))

        def on_subscribe(_c: Any, _user: Any, _mid: int, codes: Any, _more: Any) -> None:
            if any(code.value >= FAILED for code in codes):
                soon(self._end, number, f"the broker refused the subscription: {codes[0]}")

        def on_message(client: Client, _user: Any, message: MQTTMessage) -> None:
            mid, qos = message.mid, message.qos
            expiry = getattr(message.properties, "MessageExpiryInterval", None)
            taken = Message(
                message.topic, bytes(message.payload), expiry, lambda: client.ack(mid, qos)
            )
            soon(self._message, number, taken)

        client.on_socket_open = on_socket_open
        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        client.on_publish = on_publish
        client.on_subscribe = on_subscribe
        client.on_message = on_message

    # ---- the connecting thread --------------------------------------------------------------

    def _start(self, client: Client, number: int) -> None:
        try:
            self._tls.reload()
            client.connect(
                self._settings.host,
                self._settings.port,
                keepalive=self._keepalive.mqtt,
                clean_start=True,
            )
        except Exception as error:
            reason = getattr(error, "verify_message", "") or getattr(error, "strerror", "")
            self._call(self._end, number, f"cannot connect: {reason or error}")
        else:
            self._call(self._joined, number, client)

    def _call(self, method: Callable[..., None], *args: Any) -> None:
        # the loop may have ended before the thread
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(method, *args)

    # ---- on the event loop ------------------------------------------------------------------

    def _joined(self, number: int, client: Client) -> None:
        pump = Pump(client, lambda text: self._end(number, text))
        if number == self._number and not self._ended.done():
            self._pump = pump
        else:
            pump.close()

    def _connected(self, number: int, resumed: bool, aliases: Aliases) -> None:
        if number != self._number or self._ended.done() or self._listener is None:
            return
        self._up, self._aliases = True, aliases
        self._trouble = ""
        self._counters.add("connects")
        self._counters.add("sessions_resumed", resumed)
        self._began = self._heard = self._clock.monotonic()
        self._keepalive.tried(worked=True)
        _log.info("uplink: connected to %s:%d", self._settings.host, self._settings.port)
        online = json.dumps({"online": True, **self.tells()}).encode()
        self.publish(topics.state(self._gateway), online, retain=True)
        self._listener.connected()

    def _silence(self) -> float:
        # answers to pings count, and so do those to the kernel's probes
        if self._keepalive.probe_after is None and self._pump is not None:
            return self._pump.silence
        return self._clock.monotonic() - self._heard

    def _end(self, number: int, reason: str) -> None:
        if number != self._number or self._ended.done():
            return
        if self._up and self._sleep is None:
            self._keepalive.lost(self._silence(), self._clock.monotonic() - self._began)
        self._ended.set_result(reason)

    def _puback(self, number: int, mid: int, code: int) -> None:
        token = self._token(number, mid)
        if self._unacked.take(token) and self._listener is not None:
            self._listener.puback(token, code)

    def _message(self, number: int, message: Message) -> None:
        if number == self._number and self._up and self._listener is not None:
            self._listener.message(message)

    @staticmethod
    def _token(number: int, mid: int) -> int:
        return number << 16 | mid
