"""IPv4 packets, as far as a meter and a NAT look into them: RFC 791, RFC 9293 (TCP), RFC 768."""

import struct
from typing import NamedTuple

TCP, UDP = 6, 17
SYN, RST, FIN = 0x02, 0x04, 0x01
_NAMES = 53


class Packet(NamedTuple):
    """What is known of a packet; `payload` of TCP only. `flags` and `seq` are TCP's."""

    size: int
    protocol: int
    source: tuple[bytes, int]
    target: tuple[bytes, int]
    flags: int = 0
    seq: int = 0
    payload: bytes = b""

    @property
    def is_name(self) -> bool:
        """Tell whether it goes to or comes from a name server."""
        return self.protocol == UDP and _NAMES in (self.source[1], self.target[1])


def read(data: bytes) -> Packet | None:
    """Return what is in a packet, None if it is not IPv4 or cut short."""
    if len(data) < 20 or data[0] >> 4 != 4:
        return None
    head = (data[0] & 15) * 4
    total, protocol = struct.unpack_from(">H", data, 2)[0], data[9]
    source, target = data[12:16], data[16:20]
    if total > len(data) or head < 20 or total < head + 8 or protocol not in (TCP, UDP):
        return Packet(len(data), protocol, (source, 0), (target, 0))
    ports = struct.unpack_from(">HH", data, head)
    ends = (source, ports[0]), (target, ports[1])
    if protocol == UDP or total < head + 20:
        return Packet(total, protocol, *ends)
    seq, flags = struct.unpack_from(">I", data, head + 4)[0], data[head + 13]
    offset = head + (data[head + 12] >> 4) * 4
    return Packet(total, protocol, *ends, flags, seq, data[offset:total])
