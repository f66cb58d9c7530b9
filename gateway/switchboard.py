"""Who is told what: the only place that knows both ends of every line."""

from collections.abc import Sequence

from gateway.actions import Answered
from gateway.commands import KINDS, Commands
from gateway.listener import Message
from gateway.publisher import Publisher
from gateway.spool import Link
from protocol import schema


class Switchboard:
    """Listens to dispensers and to the uplink, for publisher and commands."""

    def __init__(self, publisher: Publisher, commands: Commands) -> None:
        self._publisher = publisher
        self._commands = commands

    # ---- dispensers -------------------------------------------------------------------------

    def greeted(self, dispenser: str, hello: schema.Hello, body: bytes) -> None:
        """Take note of a session that began."""
        self._publisher.greeted(dispenser, hello, body)
        self._commands.greeted(dispenser)

    def committed(self, dispenser: str, epoch: int, added: Sequence[Link], end: int) -> None:
        """Take note of records in the spool."""
        self._publisher.committed(dispenser, epoch, added, end)

    def answered(self, answer: Answered) -> None:
        """Take what a dispenser answered to a command."""
        self._commands.answered(answer)

    # ---- uplink -----------------------------------------------------------------------------

    def connected(self) -> None:
        """Publishing is possible from now on."""
        self._publisher.connected()
        self._commands.connected()

    def disconnected(self) -> None:
        """What was published and not acknowledged may or may not have arrived."""
        self._publisher.disconnected()
        self._commands.disconnected()

    def puback(self, token: int, code: int) -> None:
        """Take the broker's answer to a publication."""
        if not self._commands.puback(token, code):
            self._publisher.puback(token, code)

    def message(self, message: Message) -> None:
        """Take a message for this gateway."""
        kind = message.topic.rpartition("/")[2]
        if kind in KINDS:
            self._commands.message(message)
        elif kind == "piece":
            self._publisher.under_way()
            self._commands.piece(message)
        else:
            self._publisher.message(message.topic, message.payload)
            message.confirm()
