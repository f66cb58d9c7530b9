"""A callback that a clock is to call at a time."""

import asyncio
from collections.abc import Callable


class Timer:
    """A callback set for a time; `cancel` takes it back."""

    def __init__(self, at_ns: int, callback: Callable[[], None]) -> None:
        self.at_ns = at_ns
        self.callback: Callable[[], None] | None = callback
        self.handle: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        """The callback will not come; no-op when it has."""
        self.callback = None
        if self.handle:
            self.handle.cancel()

    def fire(self) -> None:
        """Call back, once."""
        callback, self.callback = self.callback, None
        if callback:
            callback()
