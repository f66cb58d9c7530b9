"""The supervisor's side of virtual time: when a board may run, and what it then finds.

Whatever comes from outside (levels, bytes) is handed over only while the interpreter waits for
its turn, so it finds the same at the same virtual time in every run. Its counterpart in the
interpreter's process is `lockstep.py`.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sim.board import control
from sim.board.process import BoardProcess, Message
from sim.clock import NEVER, VirtualClock

_SLACK_US = 1000  # that starting may use up
_HUNG_S = 3.0  # processor time without a sign of life
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Cable(Protocol):
    """What lies between a board and its host."""

    def in_flight(self) -> bool:
        """Whether bytes are on their way that nobody has looked at."""

    def rings(self) -> bool:
        """Whether what was in flight is over only after somebody has told us so."""


class Turns:
    """One board's part in a `VirtualClock`, over all its boots.

    `watched`: others may act on its outputs; `cable` tells whether bytes are on their way in it;
    `starved` is called when the watchdog bites, `hangs` when the board no longer waits.
    """

    def __init__(
        self,
        clock: VirtualClock,
        name: str,
        watched: bool,
        cable: Cable,
        starved: Callable[[], None],
        hangs: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._watched = self._heard = watched
        self._quiet = control.QUIET if watched else control.QUIET + control.OUTPUTS
        self._starved, self._hangs = starved, hangs
        self._page = os.memfd_create(name)
        os.ftruncate(self._page, control.PAGE_SIZE)
        self._memory = mmap.mmap(self._page, control.PAGE_SIZE)
        self.stop_watchdog()
        self._participant = clock.join(
            name, self._run, holds=cable.in_flight, rings=cable.rings, look=self._look
        )
        self._process: BoardProcess | None = None
        self._grants = -1
        self._parked = self._hung = False
        self._kept: list[bytes] = []
        self._typable: Callable[[], None] | None = None
        self._sign = (0, 0.0)  # the board's time, and its processor time then

    @property
    def waiting(self) -> bool:
        """Whether the board waits for its turn, hangs, or is off."""
        return self._process is None or self._parked or self._hung

    # --- life

    def descriptors(self) -> tuple[int, int]:
        """Page and grants, for a process about to start; the caller closes the second."""
        grants, self._grants = os.pipe()
        self._grant(_us(self._clock.monotonic_ns()) + _SLACK_US, 0)
        return self._page, grants

    def arguments(self, *descriptors: int) -> str:
        """Arguments of `lockstep.Lockstep` but the last: page, grants, pipe of messages."""
        return ",".join(map(str, (*descriptors, int(self._watched), self._clock.start_ns)))

    def started(self, process: BoardProcess) -> None:
        """The process runs; time stands until it waits."""
        self._process = process
        self._sign = (0, 0.0)
        self._participant.busy()

    def ending(self) -> None:
        """The process is being killed: time stands until `ended`."""
        self._participant.busy()

    def ended(self) -> None:
        """The process is gone; time stands until the next one waits, or `off`."""
        self._process = None
        self._parked = self._hung = False
        self._kept.clear()
        self._typable = None
        self._participant.busy()
        if self._grants >= 0:
            os.close(self._grants)
            self._grants = -1

    def off(self) -> None:
        """No process runs, and time needs none."""
        self._participant.idle(NEVER)

    def close(self) -> None:
        """Time goes on without this board."""
        self._participant.leave()
        self._memory.close()
        os.close(self._page)

    def stop_watchdog(self) -> None:
        """As a hard reset does."""
        struct.pack_into("<q", self._memory, control.STARVES_AT, control.NEVER)

    # --- what the board says

    def idle(self, message: Message) -> None:
        """It waits, see `control.IDLE`."""
        if self._process is None:
            return
        hung, self._hung = self._hung, False
        self._parked = True
        # who reads it must not read it before it was written
        self._clock.reach(message.stamp)
        self._process.read_console()
        (until,) = struct.unpack("<q", message.payload)
        self._participant.idle(self._ns(until), message.stamp)
        # what a board that hung was given may have come after it last looked
        if hung or (message.ident == control.IDLE_PRINTS and not self._process.paused):
            self._participant.poke()
        self._hand_over()

    def noticed(self, message: Message) -> None:
        """It has done something; others may act on it unless it is one of the quiet kinds."""
        if message.kind in self._quiet:
            return
        self._clock.reach(message.stamp)
        self._clock.settle()

    # --- what others have for it

    def hear(self, on: bool) -> None:
        """Let it tell PWM and PIXELS, or not, from when it waits next."""
        self._heard = on or self._watched
        if self.waiting:
            self._apply_heard()

    def _apply_heard(self) -> None:
        struct.pack_into("<q", self._memory, control.HEARD_AT, self._heard)

    def send(self, message: bytes) -> None:
        """Put a message into the channel, once the board waits."""
        if self._process and (self._parked or self._hung):
            self._process.send(message)
            self._wake()
        elif self._process:
            self._kept.append(message)

    def type(self, data: bytes) -> int:
        """Give bytes to the board's terminal; returns how many it took."""
        if self._process is None or not (self._parked or self._hung):
            return 0
        count = self._process.type_at_once(data)
        if count:
            self._wake()
        return count

    def when_typable(self, callback: Callable[[], None]) -> None:
        """Call back once, when `type` may take bytes again."""
        self._typable = callback

    def pause_console(self) -> None:
        """Leave what the board writes in its terminal."""
        if self._process:
            self._process.pause_console()

    def resume_console(self) -> None:
        """Read the terminal again."""
        if self._process:
            self._process.resume_console()
            self._process.read_console()
            self._wake()

    def _wake(self) -> None:
        if self._parked:
            self._participant.poke()

    def _hand_over(self) -> None:
        self._apply_heard()
        kept, self._kept = self._kept, []
        typable, self._typable = self._typable, None
        for message in kept:
            self.send(message)
        if typable:
            typable()

    # --- turns

    def _run(self, horizon_ns: int, free_ns: int) -> None:
        if self._hung:
            self._wait_hung()
        elif self._process and self._parked:
            self._parked = False
            start = self._clock.start_ns
            self._grant(_us(horizon_ns - start), _us(max(free_ns - start, 0)))
            self._sign = (0, 0.0)

    def _grant(self, horizon: int, free: int) -> None:
        now = _us(self._clock.monotonic_ns())
        os.write(self._grants, struct.pack(control.GRANT, now, horizon, free))

    def _ns(self, us: int) -> int:
        return min(us * 1000 + self._clock.start_ns, NEVER)

    def _look(self) -> None:
        # a board that neither waits nor looks at the time cannot be waited for
        if self._process is None or self._hung:
            return
        (now,) = struct.unpack_from("<q", self._memory, control.NOW_AT)
        used = _processor_s(self._process.pid)
        if now != self._sign[0] or not self._sign[1]:
            self._sign = (now, used)
        elif used - self._sign[1] >= _HUNG_S:
            self._hung = True
            self._hand_over()
            self._wait_hung()
            self._hangs()

    def _wait_hung(self) -> None:
        (bites,) = struct.unpack_from("<q", self._memory, control.STARVES_AT)
        if self._ns(bites) <= self._clock.now_ns:
            self._hung = False
            self._starved()
        else:
            self._participant.idle(self._ns(bites))


def _us(ns: int) -> int:
    return ns // 1000


def _processor_s(pid: int) -> float:
    # proc(5): utime and stime are the 14th and 15th field, the 2nd ends with a parenthesis
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S
