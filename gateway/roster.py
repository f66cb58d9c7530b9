"""Every stream that the gateway knows of, in the order of their turns."""

import contextlib
from collections import deque
from collections.abc import Iterator

from gateway.spool import Spool
from gateway.stream import Stream
from protocol import schema, wire


class Roster:
    """Streams by dispenser and epoch; the one that published last is asked last."""

    def __init__(self) -> None:
        self._streams: dict[tuple[str, int], Stream] = {}
        self._turns: deque[Stream] = deque()

    def __iter__(self) -> Iterator[Stream]:
        return iter(self._turns)

    def find(self, dispenser: str, epoch: int) -> Stream | None:
        """Return a stream that is known."""
        return self._streams.get((dispenser, epoch))

    def of(self, dispenser: str, epoch: int) -> Stream:
        """Return a stream, made if it is new."""
        stream = self._streams.get((dispenser, epoch))
        if stream is None:
            stream = self._streams[dispenser, epoch] = Stream(dispenser, epoch)
            self._turns.append(stream)
        return stream

    def had_its_turn(self, stream: Stream) -> None:
        """Let all others go first."""
        self._turns.remove(stream)
        self._turns.append(stream)

    def hasten(self, now: float) -> None:
        """Let all that waits for company be due."""
        for stream in self._turns:
            if stream.due < float("inf"):
                stream.due = min(stream.due, now)

    async def load(self, spool: Spool) -> None:
        """Take over what the spool knows from before this start; raises SpoolError."""
        for saved in await spool.saved():
            stream = self.of(saved.dispenser, saved.epoch)
            stream.end = max(stream.end, saved.end)
            stream.last = stream.last or saved.watermark
            stream.doubts = list(saved.doubts)
            if saved.hello is not None and stream.question is None:
                with contextlib.suppress(wire.WireError):
                    stream.hello = wire.parse(schema.Hello, saved.hello)
                    stream.question = saved.hello
