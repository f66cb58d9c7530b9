"""Counts bytes at IP level by direction and by cause; says whether it saw packets or estimates.

Up counts what the gateway sent, down what was sent to it, lost or not: so does an operator.
"""

from collections import Counter
from typing import Literal

from sim.cell.causes import Cause, Conversation, Reader
from sim.cell.packets import FIN, RST, SYN, TCP, Packet

HEADERS = 52
"""IPv4, TCP and its time stamps (RFC 791, RFC 9293, RFC 7323)."""
SEGMENT = 1448
"""Payload of a full segment with these, on Ethernet and most cells."""
_OPENING = 3 * HEADERS + 3 * 8  # SYN, SYN/ACK, ACK with their options
_WRAP = 1 << 32


class Meter:
    """The sums; `method` is "ip" where packets were seen, "estimated" where streams were."""

    def __init__(self, method: Literal["ip", "estimated"]) -> None:
        self.method = method
        self.up: Counter[Cause] = Counter()
        self.down: Counter[Cause] = Counter()
        self.connections = 0

    def count(self, up: bool, cause: Cause, size: int) -> None:
        """Add bytes."""
        (self.up if up else self.down)[cause] += size

    @property
    def total(self) -> int:
        """Bytes both ways."""
        return sum(self.up.values()) + sum(self.down.values())

    def of(self, cause: Cause) -> int:
        """Bytes of a cause both ways."""
        return self.up[cause] + self.down[cause]

    def reset(self) -> None:
        """Begin anew; connections that stand are still known."""
        self.up.clear()
        self.down.clear()
        self.connections = 0

    def table(self) -> str:
        """Return the sums for people."""
        lines = [f"{'bytes, ' + self.method:18} {'up':>10} {'down':>10} {'both':>10}"]
        for cause in Cause:
            if self.of(cause):
                ends = self.up[cause], self.down[cause], self.of(cause)
                lines.append(f"{cause.value:18} " + " ".join(f"{n:>10,}" for n in ends))
        ends = sum(self.up.values()), sum(self.down.values()), self.total
        lines.append(f"{'all':18} " + " ".join(f"{n:>10,}" for n in ends))
        return "\n".join(lines)


class Wiretap:
    """Feeds a meter from packets, in the order in which each side sends them."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._flows: dict[tuple[tuple[bytes, int], tuple[bytes, int]], _Flow] = {}

    def see(self, packet: Packet, up: bool) -> None:
        """Count a packet."""
        if packet.protocol != TCP:
            self._meter.count(up, Cause.OTHER, packet.size)
            return
        key = (packet.source, packet.target) if up else (packet.target, packet.source)
        if packet.flags & SYN and up:
            self._meter.connections += key not in self._flows or self._flows[key].began
            self._flows[key] = _Flow()
        flow = self._flows.get(key)
        if flow is None:
            self._meter.count(up, Cause.OTHER, packet.size)
            return
        for cause, size in flow.see(packet, up):
            self._meter.count(up, cause, size)


class _Flow:
    """One TCP connection."""

    def __init__(self) -> None:
        talk = Conversation()
        self.began = False
        self._readers = {up: Reader(talk, up) for up in (True, False)}
        self._first: dict[bool, int] = {}
        self._probed: bool | None = None  # who was asked by a probe

    def _of_empty(self, up: bool, begin: int) -> Cause:
        # a probe asks for an acknowledgement with a seq that is one too low (RFC 9293, 3.8.4)
        if begin == (self._readers[up].at - 1) % _WRAP:
            self._probed = not up
            return Cause.KEEPALIVE
        if self._probed is up:
            return Cause.KEEPALIVE
        # acknowledges what came last the other way
        return self._readers[not up].last

    def see(self, packet: Packet, up: bool) -> list[tuple[Cause, int]]:
        reader = self._readers[up]
        if packet.flags & SYN:
            self._first[up] = (packet.seq + 1) % _WRAP
            return [(Cause.HANDSHAKE, packet.size)]
        self.began = True
        if packet.flags & (RST | FIN) and not packet.payload:
            return [(Cause.HANDSHAKE, packet.size)]
        begin = (packet.seq - self._first.get(up, 0)) % _WRAP
        if not packet.payload or up not in self._first:
            return [(self._of_empty(up, begin), packet.size)]
        self._probed = None
        end = begin + len(packet.payload)
        if begin <= reader.at < end:
            reader.feed(packet.payload[reader.at - begin :])
        return _spread(reader.causes(begin, end), packet.size, reader.last)


def _spread(causes: list[tuple[Cause, int]], size: int, last: Cause) -> list[tuple[Cause, int]]:
    # the headers go with the last of what they carry
    if not causes:
        return [(last, size)]
    headers = size - sum(count for _, count in causes)
    return [*causes[:-1], (causes[-1][0], causes[-1][1] + headers)]


class Estimate:
    """Feeds a meter from one connection's streams: each chunk in segments, each acknowledged."""

    def __init__(self, meter: Meter) -> None:
        talk = self._talk = Conversation()
        self._meter = meter
        self._readers = {up: Reader(talk, up) for up in (True, False)}
        meter.connections += 1
        meter.count(True, Cause.HANDSHAKE, _OPENING * 2 // 3)
        meter.count(False, Cause.HANDSHAKE, _OPENING // 3)

    @property
    def begun(self) -> bool:
        """Tell whether the broker has taken the session."""
        return self._talk.connected

    def see(self, data: bytes, up: bool) -> None:
        """Count a chunk of a stream, and the segments that acknowledge it."""
        reader = self._readers[up]
        begin = reader.at
        reader.feed(data)
        segments = -(-len(data) // SEGMENT)
        causes = reader.causes(begin, reader.at)
        for cause, size in _spread(causes, len(data) + segments * HEADERS, reader.last):
            self._meter.count(up, cause, size)
        self._meter.count(not up, reader.last, -(-segments // 2) * HEADERS)

    def end(self) -> None:
        """Count the end: FIN and ACK, both ways."""
        for up in (True, False):
            self._meter.count(up, Cause.HANDSHAKE, 2 * HEADERS)
