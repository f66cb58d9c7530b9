"""How often a backend is believed that it lost what it held: two of them make no storm."""

_FIRST = 10.0
_LONGEST = 6 * 3600.0


class Restores:
    """Of one stream; times are monotonic seconds.

    It is acted on at once, the next time not before 10 s have passed, doubling up to 6 h as long
    as that keeps coming: each time all that is not stored is published again.
    """

    def __init__(self) -> None:
        self.ask_at: float | None = None
        """When to ask what is stored, because a watermark was passed over; None: none was."""
        self._next = float("-inf")
        self._wait = _FIRST
        self._passed_over = False

    def believed(self, now: float) -> bool:
        """Take note of a new store, or a lower `next`; tell whether to act on it."""
        if now < self._next:
            self.ask_at = self._next
            self._passed_over = True
            return False
        self._wait = min(_LONGEST, 2 * self._wait) if self._passed_over else _FIRST
        self._passed_over = False
        self._next = now + self._wait
        return True
