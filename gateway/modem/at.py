"""The AT engine: one command in flight, answers told from unsolicited lines. No I/O, no clock.

Commands and bytes go in, bytes to send and events come out. After a time-out nothing that comes is
believed until the modem has answered a question whose answer cannot be mistaken (`resync`): a late
final code must never end the next command. V.250 clause 5; 27.007 clause 9.1 (+CMEE).
"""

import enum
import re
from dataclasses import dataclass, field

from gateway.modem.grammar import Command, Final, command, final, unsolicited
from gateway.modem.lines import Splitter

MARKERS = (
    ("AT+CMEE?", re.compile(r"\+CMEE: *[0-2]")),
    ("AT+CSCS?", re.compile(r'\+CSCS: *"')),
    ("AT+CMEE=?", re.compile(r"\+CMEE: *\(")),
    ("AT+CFUN=?", re.compile(r"\+CFUN: *\(")),
    ("AT+CREG=?", re.compile(r"\+CREG: *\(")),
)
"""Questions of 27.007 asked in turn, and how their answers begin: no answer fits another."""

_PLAIN_ROUNDS = 3
_PROMPTS = (">", "> ")


class State(enum.Enum):
    """What the engine is at."""

    UNSURE = enum.auto()  # just opened, or an answer is outstanding: resynchronise first
    SYNCING = enum.auto()
    IDLE = enum.auto()
    BUSY = enum.auto()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command brought: `final` None if no final code came in time.

    others: lines that came meanwhile and are neither answer nor unsolicited by their form.
    """

    command: str
    final: Final | None
    info: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    echo: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the command was carried out."""
        return self.final is not None and self.final.ok


@dataclass(frozen=True, slots=True)
class Urc:
    """A line that came by itself."""

    line: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """The modem asks for the data of the command in flight."""


Event = Reply | Urc | Prompt


class BusyError(RuntimeError):
    """A command was given while another is in flight or the line is not in step."""


@dataclass(slots=True)
class _Flight:
    command: Command
    data: bytes | None = None
    echo: str | None = None
    info: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def reply(self, end: Final | None) -> Reply:
        return Reply(self.command.text, end, tuple(self.info), tuple(self.others), self.echo)


class Engine:
    """One modem's line. It begins UNSURE: whatever stands in the modem's input is unknown."""

    def __init__(self) -> None:
        self.state = State.UNSURE
        self.late = 0
        self._splitter = Splitter()
        self._flight: _Flight | None = None
        self._round = 0
        self._plain = 0
        self._finals = 0
        self._marked = False
        self._stale = False  # the unfinished line began before the command did

    @property
    def oversized(self) -> int:
        """Lines dropped because they had no end."""
        return self._splitter.oversized

    @property
    def pending(self) -> str:
        """What has come of a line that is not finished."""
        return self._splitter.pending

    # ---- commands ---------------------------------------------------------------------------

    def send(self, text: str, data: bytes | None = None) -> bytes:
        """Begin a command; return the bytes to write.

        data: what to give at the prompt. Raises BusyError, ValueError for a text that is no
        command line.
        """
        if self.state is not State.IDLE:
            raise BusyError(f"{self.state.name}: cannot send {text!r}")
        if not text.isascii() or not text.isprintable() or text[:2].upper() != "AT":
            raise ValueError(f"no command line: {text!r}")
        self._stale = bool(self._splitter.pending)
        self._flight = _Flight(command(text), data)
        self.state = State.BUSY
        return text.encode() + b"\r"

    def follow(self, text: str) -> None:
        """Take a command for begun that somebody else sent: to read a recorded conversation."""
        self._flight = _Flight(command(text))
        self.state = State.BUSY

    def flush(self) -> list[Event]:
        """Take the unfinished line for a whole one: nothing more comes.

        A coded final is left alone: more digits could have followed.
        """
        pending = self._splitter.pending
        end = final(pending)
        if not pending or (end is not None and end.code is not None):
            return []
        return self._line(self._splitter.clear())

    def expire(self) -> Reply | None:
        """Give up the command in flight: its answer may still come, so nothing is sure."""
        flight, self._flight = self._flight, None
        self.state = State.UNSURE
        self._plain = 0
        return None if flight is None else flight.reply(None)

    # ---- in step again ----------------------------------------------------------------------

    def resync(self) -> bytes:
        """Begin a round of resynchronising; return the bytes to write. Feed, then `settle`."""
        if self.state is State.BUSY:
            raise BusyError("a command is in flight")
        self._round += 1
        self._finals, self._marked = 0, False
        self.state = State.SYNCING
        # the first CR ends whatever stands in the modem's input
        return b"\r" + MARKERS[self._round % len(MARKERS)][0].encode() + b"\r"

    @property
    def answered(self) -> bool:
        """Whether this round's question was answered beyond doubt."""
        return self.state is State.SYNCING and self._marked and self._finals == 1

    def settle(self) -> bool:
        """The line has been quiet: tell whether the modem is in step, else it is unsure.

        A modem that does not know the questions is believed after three rounds with one final code
        each.
        """
        if self.state is not State.SYNCING:
            return self.state is State.IDLE
        self._plain = self._plain + 1 if self._finals == 1 else 0
        good = self.answered or self._plain >= _PLAIN_ROUNDS
        self._splitter.clear()
        self.state = State.IDLE if good else State.UNSURE
        if good:
            self._plain = 0
        return good

    # ---- lines ------------------------------------------------------------------------------

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes from the modem."""
        events: list[Event] = []
        for line in self._splitter.feed(data):
            events += self._line(line)
        if self._flight is not None and self._flight.data is not None and self._prompted():
            events.append(Prompt())
        return events

    def _prompted(self) -> bool:
        # 27.005 clause 3.5.1: CR LF > blank, and no line end behind it
        if self._splitter.pending not in _PROMPTS:
            return False
        self._splitter.clear()
        return True

    def prompt_data(self) -> bytes:
        """Return the data to write at the prompt; once."""
        if self._flight is None or self._flight.data is None:
            raise BusyError("nothing to give at a prompt")
        data, self._flight.data = self._flight.data, None
        return data

    def _line(self, line: str) -> list[Event]:
        end = final(line)
        if self.state is State.SYNCING:
            return self._sync_line(line, end)
        stale, self._stale = self._stale, False
        if self._flight is None or stale:
            if end is None:
                echo = line[:2].upper() == "AT"
                return [] if echo or (stale and not unsolicited(line)) else [Urc(line)]
            self.late += 1
            return []
        if end is not None:
            return [self._finish(end)]
        return self._body_line(self._flight, line)

    def _body_line(self, flight: _Flight, line: str) -> list[Event]:
        if not flight.info and flight.command.is_echo(line):
            flight.echo = line
        elif flight.command.answers(line):
            flight.info.append(line)
        elif unsolicited(line):
            return [Urc(line)]
        else:
            flight.others.append(line)
        return []

    def _finish(self, end: Final) -> Reply:
        flight, self._flight = self._flight, None
        if flight is None:
            raise BusyError("no command in flight")
        self.state = State.IDLE
        return flight.reply(end)

    def _sync_line(self, line: str, end: Final | None) -> list[Event]:
        if end is not None:
            # a final before the marker's answer belongs to what timed out
            self._finals = self._finals + 1
            self._marked = self._marked and end.ok
            return []
        if MARKERS[self._round % len(MARKERS)][1].match(line):
            self._marked, self._finals = True, 0
            return []
        return [Urc(line)] if unsolicited(line) else []
