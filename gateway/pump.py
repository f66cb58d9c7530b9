"""Serves a paho client's socket on the event loop: no thread between it and the records.

paho's own way for foreign loops: `loop_read`, `loop_write`, `loop_misc`.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.client import Client

_LOOK_EVERY = 1.0
_DEAD_AFTER_MS = 60_000


class Pump:
    """Reads and writes for a client that is connected, until its socket is closed.

    `failed` is told what was wrong with bytes that paho could not make sense of.
    """

    def __init__(self, client: Client, failed: Callable[[str], None]) -> None:
        self._client = client
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._writing = False
        self._socket: Any = client.socket()
        if self._socket is not None:
            client.on_socket_close = lambda *_: self._leave()
            self._loop.add_reader(self._socket, self._readable)
            self._look()

    def flush(self) -> None:
        """Write what waits, and the rest as soon as the socket takes it."""
        if self._client.want_write():
            self._guarded(self._client.loop_write)
        if self._socket is None or self._client.want_write() == self._writing:
            return
        self._writing = not self._writing
        if self._writing:
            self._loop.add_writer(self._socket, self.flush)
        else:
            self._loop.remove_writer(self._socket)

    def sent(self) -> None:
        """Write what was given to the client just now; it is a sign of life, as a ping is."""
        self.flush()
        # paho notes that of its pings alone, and sends more than are due (MQTT 5.0, 3.1.2.10)
        self._client._last_msg_out = paho.time_func()

    def close(self) -> None:
        """Close the socket, if nobody has."""
        sock = self._socket
        self._leave()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.close()

    def _readable(self) -> None:
        self._guarded(self._client.loop_read)
        # what TLS has decrypted already, no selector tells of
        while self._socket is not None and self._socket.pending():
            self._guarded(self._client.loop_read)
        self.flush()

    def _look(self) -> None:
        self._timer = self._loop.call_later(_LOOK_EVERY, self._look)
        self._guarded(self._client.loop_misc)
        self.flush()

    def _guarded(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as error:
            self.close()
            self._failed(f"connection given up: {error!r}")

    def _leave(self) -> None:
        sock, self._socket = self._socket, None
        if self._timer is not None:
            self._timer.cancel()
        if sock is not None:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)


def tune(sock: Any) -> None:
    """Set what paho leaves as it is: TCP_NODELAY, TCP_USER_TIMEOUT (tcp(7))."""
    # with Nagle on every PUBACK takes 40 ms
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_AFTER_MS)
