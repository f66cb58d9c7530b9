"""A release on its way into a dispenser: what to send next, from what the dispenser says it has.

The dispenser leads: each PROGRESS names the file and the byte it wants. So a transfer goes on
where it stood after a power cut, in another session, or by another gateway.
"""

import enum
import hashlib
from collections.abc import Sequence

from protocol import schema, wire
from protocol.schema import MessageType, RefusedReason

CHUNK = schema.MAX_BODY - 5
"""Bytes of a file in one RELEASE_CHUNK."""
ANSWER_WITHIN = 10.0
"""Seconds until a message that was not answered is given up and RELEASE_BEGIN sent again."""
_ALL = 255
_TRIES = 3
_AGAIN = (RefusedReason.rule, RefusedReason.digest)
"""Refusals after which the dispenser says how it goes on."""

Message = tuple[MessageType, bytes]


class Outcome(enum.Enum):
    """How a transfer ended."""

    installed = "installed"
    refused = "refused"


class Transfer:
    """Pure; times are monotonic seconds. Lives over any number of sessions with one dispenser."""

    def __init__(self, begin: bytes, contents: Sequence[bytes]) -> None:
        """Take the body of RELEASE_BEGIN, the signed manifest, and its files in its order.

        Raises WireError if the command is malformed or announces something else.
        """
        command = wire.parse(schema.ReleaseBegin, begin)
        announced = (command.files, command.size, command.manifest)
        manifest = contents[0] if contents else b""
        if announced != (len(contents) - 1, len(manifest), hashlib.sha256(manifest).digest()):
            raise wire.WireError("RELEASE_BEGIN announces another release than this one")
        self.version = (command.major, command.minor, command.patch)
        self.outcome: Outcome | None = None
        self.reason = 0
        self._begin = begin
        self._contents = contents
        self._refusals = 0
        self._wanted: tuple[int, int] | None = None
        self._again_at: float | None = None

    def greeted(self, hello: schema.Hello) -> None:
        """Note that a session began: the dispenser is asked anew what it has."""
        if (hello.major, hello.minor, hello.patch) == self.version:
            self.outcome = Outcome.installed
        self._wanted = self._again_at = None

    def due(self, now: float) -> Message | None:
        """Return the message to be sent now, None while an answer may still come."""
        if self.outcome or (self._again_at is not None and now < self._again_at):
            return None
        if self._again_at is not None:
            self._wanted = None
        self._again_at = now + ANSWER_WITHIN
        return self._message()

    def take(self, body: bytes, now: float) -> None:
        """Take the dispenser's PROGRESS. Raises WireError if it is malformed."""
        progress = wire.parse(schema.ReleaseProgress, body)
        ended = self._wanted == (_ALL, 0)
        self._wanted = (progress.file, progress.offset)
        self._again_at = None
        if progress.refused:
            self._refused(progress.refused)
        elif progress.file != _ALL and not self._has(*self._wanted):
            self._fail(RefusedReason.malformed)
        elif ended and progress.file == _ALL:
            # END was heard: it restarts when nobody is at it
            self._again_at = now + ANSWER_WITHIN

    def left(self) -> int:
        """Return how many bytes the dispenser may still want; all of them before it has said."""
        if self._wanted is None:
            return sum(map(len, self._contents))
        number, offset = self._wanted
        return max(sum(map(len, self._contents[number:])) - offset, 0)

    def _message(self) -> Message:
        if self._wanted is None:
            return MessageType.release_begin, self._begin
        number, offset = self._wanted
        if number == _ALL:
            return MessageType.release_end, b""
        data = self._contents[number][offset : offset + CHUNK]
        return MessageType.release_chunk, wire.build(schema.ReleaseChunk(number, offset, data))

    def _has(self, number: int, offset: int) -> bool:
        return number < len(self._contents) and offset < len(self._contents[number])

    def _refused(self, reason: int) -> None:
        self._refusals += 1
        if reason not in _AGAIN or self._refusals > _TRIES:
            self._fail(reason)
        elif reason == RefusedReason.rule:
            self._wanted = None

    def _fail(self, reason: int) -> None:
        self.outcome, self.reason = Outcome.refused, reason
