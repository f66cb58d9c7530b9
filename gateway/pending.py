"""Publications whose PUBACK is to come, and whether the broker has been silent about them."""

from collections.abc import Callable

_PUBACK_WITHIN = 60.0


class Pending:
    """Tokens of one connection; `now` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._tokens: set[int] = set()
        self._since = 0.0

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._tokens

    def add(self, token: int) -> None:
        """Note a publication."""
        if not self._tokens:
            self._since = self._now()
        self._tokens.add(token)

    def take(self, token: int) -> bool:
        """Note a PUBACK; tell whether it was waited for."""
        if token not in self._tokens:
            return False
        self._tokens.discard(token)
        self._since = self._now()
        return True

    def clear(self) -> None:
        """Wait for none of them any more."""
        self._tokens.clear()

    @property
    def overdue(self) -> bool:
        """Tell whether none has come for a minute: the way is gone, or the broker hangs."""
        return bool(self._tokens) and self._now() - self._since > _PUBACK_WITHIN
