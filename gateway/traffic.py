"""Bytes on the air, as the kernel counts them, and an alarm when a day has seen too many.

TCP_INFO (tcp(7), linux/tcp.h): payload acknowledged and received, segments both ways. IP and TCP
headers with time stamps are 52 bytes a segment (RFC 791, RFC 9293, RFC 7323).
"""

import logging
import socket
import struct
from collections.abc import Callable

from gateway.counters import Counters

_log = logging.getLogger(__name__)
_FIELDS = struct.Struct("=120xQQII")
_SILENCE = struct.Struct("=52xII")  # ms since data, and since an acknowledgement came
_HEADERS = 52
_DAY = 86_400


class Traffic:
    """Counts per UTC day of the host's clock; `budget` in bytes, 0: no alarm."""

    def __init__(self, budget: int, counters: Counters, unix: Callable[[], float]) -> None:
        self.day = 0
        self.today = 0
        self.budget = budget
        self._counters = counters
        self._unix = unix
        self._socket: object = None
        self._seen = 0
        self._alarmed = -1

    def begin(self, day: int, count: int) -> None:
        """Go on counting from what was saved."""
        if day == self._now_day():
            self.day, self.today = day, self.today + count

    def sample(self, sock: object) -> None:
        """Count what went over this socket since the last look."""
        try:
            total = bytes_of(sock)
        except (OSError, struct.error):
            return
        if sock is not self._socket:
            self._socket, self._seen = sock, 0
        self._add(total - self._seen)
        self._seen = total

    def _add(self, count: int) -> None:
        day = self._now_day()
        if day != self.day:
            self.day, self.today = day, 0
        self.today += count
        self._counters.add("bytes_on_air", count)
        if 0 < self.budget < self.today and self._alarmed != day:
            self._alarmed = day
            self._counters.add("budget_exceeded")
            _log.error("uplink: %d bytes today, budget %d", self.today, self.budget)

    def _now_day(self) -> int:
        return int(self._unix()) // _DAY


def bytes_of(sock: object) -> int:
    """Return the bytes at IP level that a TCP connection has cost; raises OSError if closed."""
    if not isinstance(sock, socket.socket):
        raise OSError("no socket")
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _FIELDS.size)
    acked, received, out, came = _FIELDS.unpack(info)
    return int(acked + received + _HEADERS * (out + came))


def silence_of(sock: object) -> float:
    """Return seconds since the peer of a TCP connection was heard; raises OSError if closed."""
    if not isinstance(sock, socket.socket):
        raise OSError("no socket")
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SILENCE.size)
    return float(min(_SILENCE.unpack(info))) / 1000
