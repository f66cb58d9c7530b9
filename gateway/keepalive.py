"""How long a connection may be silent: as long as the operator's NAT remembers it."""

_LEAST = 60.0
_STABLE = 86_400.0


class Keepalive:
    """Begins long, halves when silence was too long, doubles again after a day without loss."""

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._seconds = self._most

    @property
    def seconds(self) -> int:
        """Whole seconds for the next connection."""
        return int(self._seconds)

    def lost(self, silent: float, lasted: float) -> None:
        """Note a connection that ended `silent` s after its last byte came, `lasted` s long."""
        if silent >= self._seconds:
            self._seconds = max(min(_LEAST, self._most), self._seconds / 2)
        elif lasted >= _STABLE:
            self._seconds = min(self._most, self._seconds * 2)
