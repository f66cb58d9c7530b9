"""The USB cable: the host's terminal behind a stable link, and the relay to the board's terminal.

Both ends want the slave side of a pseudo terminal, so there are two of them and a relay between.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import pty
import select
import struct
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sim.board.process import make_raw
from sim.clock import Clock, Timer

READ_SIZE = 4096
KEPT_SIZE = 256  # the rp2 port keeps this much for the next opener while the port is closed
HOST_WAIT_S = 0.5  # and waits this long for a host that does not read, before it drops
HOST_READS_S = (
    5.0  # real time after which virtual time goes on without a stranger who does not read
)
IN_OPEN, IN_CLOSE_WRITE, IN_CLOSE_NOWRITE = 0x20, 0x08, 0x10  # inotify(7)

_libc = ctypes.CDLL(None, use_errno=True)


class Terminal(Protocol):
    """The board's end: its process, or what keeps bytes until it may take them."""

    def type(self, data: bytes) -> int:
        """Give bytes to the board; returns how many it took."""

    def when_typable(self, callback: Callable[[], None]) -> None:
        """Call back once, when it may take bytes again."""

    def pause_console(self) -> None:
        """Leave what the board writes."""

    def resume_console(self) -> None:
        """Read it again."""


class HostPort:
    """The host's end: a terminal that exists while the cable is in and the board's USB is up."""

    def __init__(self, link: Path, on_data: Callable[[bytes], None]) -> None:
        self.link = link
        self._on_data = on_data
        self._loop = asyncio.get_running_loop()
        self._master = self._watch = -1
        self._watching = select.poll()
        self._kept = b""
        self._paused = False
        self.opened = False
        self._slave = ""
        self._sent = False  # something that the host may not have read yet
        self._unread = (0, 0.0)  # bytes, and since when
        self.hung_up = 0
        """How often it vanished from somebody who had it open."""
        self.rings = False
        """Whether what is in flight is over only after somebody has told us so."""
        self.awaits: Callable[[str], bool | None] = lambda _: None
        """Tells of a terminal's path whether who has it open is about to read; None: stranger."""

    @property
    def attached(self) -> bool:
        """True while the host sees the port."""
        return self._master >= 0

    def attach(self) -> None:
        """Make the terminal and point the link to it."""
        self._master, slave = pty.openpty()
        make_raw(slave)
        path = self._slave = os.ttyname(slave)
        os.set_blocking(self._master, False)
        self._watch = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        events = IN_OPEN | IN_CLOSE_WRITE | IN_CLOSE_NOWRITE
        if _libc.inotify_add_watch(self._watch, path.encode(), events) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch", path)
        os.close(slave)
        os.read(self._watch, READ_SIZE)
        self._loop.add_reader(self._watch, self._look)
        self._kept = b""
        self._paused = False
        self._watching = select.poll()
        self._watching.register(self._watch, select.POLLIN)
        self._watching.register(self._master, select.POLLIN)
        new = self.link.with_name(self.link.name + ".new")
        new.unlink(missing_ok=True)
        new.symlink_to(path)
        new.rename(self.link)

    def detach(self) -> None:
        """The port vanishes: its link is gone and whoever has it open sees a hang-up."""
        if not self.attached:
            return
        self.link.unlink(missing_ok=True)
        self._loop.remove_reader(self._watch)
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        os.close(self._watch)
        os.close(self._master)
        self._master = self._watch = -1
        self.hung_up += self.opened
        self.opened = False

    def write(self, data: bytes) -> int:
        """Send to the host; returns how many bytes are done with (kept or dropped when closed)."""
        if not self.opened:
            self._kept = (self._kept + data)[-KEPT_SIZE:]
            return len(data)
        try:
            self._sent = True
            return os.write(self._master, data)
        except BlockingIOError:
            return 0

    def in_flight(self) -> bool:
        """Whether the host has sent what was not taken here, or not yet read what was sent."""
        if not self.attached:
            return False
        self.rings = True
        came = {fd for fd, event in self._watching.poll(0) if event & select.POLLIN}
        if self._paused:
            came.discard(self._master)
        return bool(came) or self._is_unread()

    def _is_unread(self) -> bool:
        if not self._sent or not self.opened:
            return False
        count = self._count_unread()
        self._sent = count > 0
        return self._sent and self._is_awaited(count)

    def _is_awaited(self, count: int) -> bool:
        reads = self.awaits(self._slave)
        self.rings = reads is not None
        if reads is not None:
            return reads
        # a stranger who does not read for that long in real time does not count any more
        now = self._loop.time()
        if count != self._unread[0]:
            self._unread = (count, now)
        return now - self._unread[1] < HOST_READS_S

    def _count_unread(self) -> int:
        # poll makes the kernel finish what is on its way, and only the slave knows the count
        slave = os.open(self._slave, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            poll = select.poll()
            poll.register(slave, select.POLLIN)
            poll.poll(0)
            return int(struct.unpack("i", fcntl.ioctl(slave, termios.FIONREAD, bytes(4)))[0])
        finally:
            os.close(slave)
            self._look()

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Call back whenever the host has room, until `stop_waiting`."""
        self._loop.add_writer(self._master, callback)

    def stop_waiting(self) -> None:
        """No more callbacks about room."""
        if self.attached:
            self._loop.remove_writer(self._master)

    def pause(self) -> None:
        """Leave what the host sends in the terminal."""
        self._paused = True
        if self.attached:
            self._loop.remove_reader(self._master)

    def resume(self) -> None:
        """Take bytes from the host again."""
        if self._paused:
            self._paused = False
            if self.opened:
                self._loop.add_reader(self._master, self._read)

    def _look(self) -> None:
        try:
            os.read(self._watch, READ_SIZE)
        except BlockingIOError:  # `in_flight` has looked
            return
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        if any(event & select.POLLHUP for _, event in poll.poll(0)):
            self._closed()
        elif not self.opened:
            self._opened()

    def _opened(self) -> None:
        self.opened = True
        if not self._paused:
            self._loop.add_reader(self._master, self._read)
        if self._kept:
            kept, self._kept = self._kept, b""
            self._sent = True
            os.write(self._master, kept)

    def _closed(self) -> None:
        # what was written just before the close still counts
        self._loop.remove_reader(self._master)
        while self._read():
            pass
        self.opened = False

    def _read(self) -> bool:
        try:
            data = os.read(self._master, READ_SIZE)
        except BlockingIOError:
            return False
        except OSError:  # nobody has it open: inotify tells when that changes
            self._loop.remove_reader(self._master)
            self.opened = False
            return False
        self._on_data(data)
        return bool(data)


class Relay:
    """Carries bytes between the host's port and a board's terminal, as USB CDC would.

    `tamper` is the fault hook: called with "host" or "board" (the sender) and the bytes, returns
    the bytes that arrive; drop, garble or add as wanted, keep for later and let them `arrive`.
    """

    def __init__(self, link: Path, on_console: Callable[[bytes], None], clock: Clock) -> None:
        self.port = HostPort(link, self._from_host)
        self.tamper: Callable[[str, bytes], bytes] | None = None
        self.dropped = 0
        self._on_console = on_console
        self._clock = clock
        self._board: Terminal | None = None
        self._to_board = b""
        self._to_host = b""
        self._patience: Timer | None = None

    def connect(self, board: Terminal) -> None:
        """The board listens from now on; what the host sent meanwhile comes first."""
        self._board = board
        self._push_to_board()

    def disconnect(self) -> None:
        """The board is gone, or starting: hold what the host sends."""
        self._board = None

    def detach(self) -> None:
        """Unplug: what is under way in either direction is lost."""
        self._to_board = b""
        self._give_up()
        self.port.detach()
        self.port.resume()

    def in_flight(self) -> bool:
        """Whether bytes are on their way that nobody has looked at."""
        return self.port.in_flight()

    def rings(self) -> bool:
        """Whether what was in flight is over only after somebody has told us so."""
        return self.port.rings

    def from_board(self, data: bytes) -> None:
        """The board has written to its terminal."""
        self._on_console(data)
        self.arrive("board", self.tamper("board", data) if self.tamper else data)

    def arrive(self, sender: str, data: bytes) -> None:
        """Let bytes of a sender come out at the other end, past `tamper`."""
        if sender == "host":
            self._to_board += data
            self._push_to_board()
        else:
            self._arrive_at_host(data)

    def _arrive_at_host(self, data: bytes) -> None:
        self._to_host += data
        if self.port.attached and self._patience is None:
            self._push_to_host()
        elif not self.port.attached:
            self._to_host = b""

    def _push_to_host(self) -> None:
        self._to_host = self._to_host[self.port.write(self._to_host) :]
        if not self._to_host:
            self._flowing()
        elif self._patience is None:
            self._patience = self._clock.call_later(HOST_WAIT_S, self._give_up)
            self.port.when_writable(self._push_to_host)
            if self._board:
                self._board.pause_console()

    def _give_up(self) -> None:
        self.dropped += len(self._to_host)
        self._to_host = b""
        self._flowing()

    def _flowing(self) -> None:
        if self._patience:
            self._patience.cancel()
            self._patience = None
            self.port.stop_waiting()
            if self._board:
                self._board.resume_console()

    def _from_host(self, data: bytes) -> None:
        self.arrive("host", self.tamper("host", data) if self.tamper else data)

    def _push_to_board(self) -> None:
        if self._board and self._to_board:
            self._to_board = self._to_board[self._board.type(self._to_board) :]
            if self._to_board:
                self._board.when_typable(self._push_to_board)
        if self._to_board:
            self.port.pause()
        else:
            self.port.resume()
