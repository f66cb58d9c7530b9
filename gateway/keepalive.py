"""How long a connection may be silent: as long as the operator's NAT remembers it."""

_LEAST = 60.0
_STABLE = 86_400.0
_RARELY = {"hourly": 43_200, "daily": 65_535}


class Keepalive:
    """Begins long, halves when silence was too long, doubles again after a day without loss.

    `prompt` pings (MQTT 5.0, 3.1.2.10): the broker notices soon, too, that a gateway is gone. A
    slow profile lets the kernel probe (tcp(7), SO_KEEPALIVE), which costs half, and pings rarely.
    """

    def __init__(self, most: int, profile: str = "prompt") -> None:
        self._most = float(most)
        self._seconds = self._most
        self._rarely = _RARELY.get(profile)
        self._before: float | None = None

    @property
    def seconds(self) -> int:
        """Whole seconds of silence after which the next connection is tried."""
        return int(self._seconds)

    @property
    def mqtt(self) -> int:
        """Whole seconds to be announced to the broker."""
        return self.seconds if self._rarely is None else max(self._rarely, self.seconds)

    @property
    def probe_after(self) -> int | None:
        """Seconds of silence until the kernel probes, None if pings do that."""
        return None if self._rarely is None else self.seconds

    def lost(self, silent: float, lasted: float) -> None:
        """Note a connection that ended `silent` s after the peer was heard, `lasted` s long."""
        if silent >= self._seconds:
            self._before = self._seconds
            self._seconds = max(min(_LEAST, self._most), self._seconds / 2)
        elif lasted >= _STABLE:
            self._seconds = min(self._most, self._seconds * 2)

    def tried(self, worked: bool) -> None:
        """Note how the next try ended: nothing worked, so it was no NAT that had forgotten."""
        if not worked and self._before is not None:
            self._seconds = self._before
        self._before = None
