"""What passes on loopback, with the times of the kernel: packet(7), SO_TIMESTAMPNS of socket(7).

It looks on and delays nobody. It needs CAP_NET_RAW, that is, root.
"""

import socket
import struct
import threading
from dataclasses import dataclass
from types import TracebackType

_SO_TIMESTAMPNS = 35
_ALL = 0x0003  # ETH_P_ALL
_OUTGOING = 4  # PACKET_OUTGOING: on loopback everything passes twice
_IP_AT = 14
_BIG = 2048
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Segment:
    """A TCP segment that carries data: Unix ns, ports, bytes carried."""

    at: int
    source: int
    target: int
    size: int


class Tap:
    """Notes every segment with data from or to a port while it is open; raises OSError."""

    def __init__(self, port: int) -> None:
        self.segments: list[Segment] = []
        self._port = port
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        self._socket.bind(("lo", 0))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.settimeout(_LOOK_EVERY_S)
        self._ended = False
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "Tap":
        self._thread.start()
        return self

    def __exit__(
        self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self._ended = True
        self._thread.join()
        self._socket.close()

    def answer(self, since: int, size: int) -> int | None:
        """Return when whoever spoke first after `since` was sent so many bytes, None if not yet.

        Times are Unix ns.
        """
        later = [s for s in self.segments if s.at >= since]
        speaker = next((s.source for s in later if s.target == self._port), None)
        return next((s.at for s in later if (s.target, s.size) == (speaker, size)), None)

    def _listen(self) -> None:
        while not self._ended:
            try:
                packet, times, _, sender = self._socket.recvmsg(_BIG, socket.CMSG_SPACE(16))
            except TimeoutError:
                continue
            if sender[2] != _OUTGOING and packet[_IP_AT] >> 4 == 4:
                self._take(packet, *struct.unpack("qq", times[0][2]))

    def _take(self, packet: bytes, seconds: int, nanoseconds: int) -> None:
        tcp = _IP_AT + (packet[_IP_AT] & 15) * 4
        (length,) = struct.unpack_from(">H", packet, _IP_AT + 2)
        source, target = struct.unpack_from(">HH", packet, tcp)
        size = _IP_AT + length - tcp - (packet[tcp + 12] >> 4) * 4
        if size > 0 and self._port in (source, target):
            self.segments.append(Segment(seconds * 10**9 + nanoseconds, source, target, size))
