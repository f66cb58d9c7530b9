"""The network's NAT, as far as a gateway notices it: connections that were silent are forgotten.

RFC 5382 wants two hours for TCP; cellular networks have been seen to allow minutes (RFC 4787, 4.3
on time-outs). What comes for a forgotten connection vanishes without a word.
"""

from sim.cell.conditions import Conditions
from sim.cell.packets import SYN, TCP, Packet

Ends = tuple[tuple[bytes, int], tuple[bytes, int]]


class Nat:
    """Knows connections by their ends; only a SYN of the gateway begins one."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._seen: dict[Ends, float] = {}

    def passes(self, packet: Packet, up: bool, now: float) -> bool:
        """Tell whether a packet goes through; lost names are decided here, too."""
        if packet.is_name and self._conditions.names_fail:
            return False
        if packet.protocol != TCP:
            return True
        ends = (packet.source, packet.target) if up else (packet.target, packet.source)
        if up and packet.flags & SYN:
            self._seen[ends] = now
            return True
        last = self._seen.get(ends)
        limit = self._conditions.nat_timeout_s
        if last is None or (limit and now - last > limit):
            self._seen.pop(ends, None)
            return False
        self._seen[ends] = now
        return True

    def forget(self) -> None:
        """Forget every connection."""
        self._seen.clear()
