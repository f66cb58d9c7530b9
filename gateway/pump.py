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
_DEAD_AFTER_S = 60
_LONGEST_IDLE = 32_767  # the kernel takes no more


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
        self._heard = paho.time_func()
        self._socket: Any = client.socket()
        if self._socket is not None:
            client.on_socket_close = lambda *_: self._leave()
            self._loop.add_reader(self._socket, self._readable)
            self._look()

    @property
    def silence(self) -> float:
        """Seconds since bytes came."""
        return paho.time_func() - self._heard

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
        if self._socket is not None:  # else it was the end that came
            self._heard = paho.time_func()
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


def tune(sock: Any, probe_after: int | None = None) -> None:
    """Set what paho leaves as it is: TCP_NODELAY, TCP_USER_TIMEOUT, and probes of a silent peer.

    tcp(7); probe_after: s of silence until the first, None: none. TCP_USER_TIMEOUT counts from
    the last word of the peer then, and bounds the probes, too: four of them may be lost.
    """
    # with Nagle on every PUBACK takes 40 ms
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    patience = _DEAD_AFTER_S
    if probe_after is not None:
        patience += probe_after
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, min(probe_after, _LONGEST_IDLE))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _DEAD_AFTER_S // 4)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience * 1000)
