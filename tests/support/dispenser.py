"""A dispenser that follows a script: real frames on a real PTY, records given by the test."""

import asyncio
import contextlib
import os
import struct
import time
import tty
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from protocol.framing import Deframer, Frame, encode

HELLO, READ, EVENTS, ACK, WATERMARK, TIME, ERROR = 1, 2, 3, 4, 5, 6, 15
CONFIG_PUT, CONFIG_GET, RELEASE_BEGIN, RELEASE_CHUNK, RELEASE_END = 7, 8, 11, 12, 13
_COMMANDS = (CONFIG_PUT, RELEASE_BEGIN, RELEASE_CHUNK, RELEASE_END)
_EVENTS_HEAD = 13


class ScriptedDispenser:
    """Answers HELLO, READ and ACK from a list of records, within the window it is given.

    `received` counts message types; `on_ack` is called with (epoch, next) before anything else
    happens. Runs on the event loop; the port is a symbolic link to the PTY's slave.
    """

    def __init__(self, link: Path, device: bytes, epoch: int, records: list[bytes]) -> None:
        self.link = link
        self.device = device
        self.epoch = epoch
        self.records = list(records)
        self.first = 0
        self.service = 0
        self.version = (0, 1, 0)
        self.silent = False
        self.lose_events = 0
        self.received: Counter[int] = Counter()
        self.reads: list[tuple[int, int]] = []
        self.acked: list[int] = []
        self.times: list[bytes] = []
        self.watermarks: list[bytes] = []
        self.on_command: Callable[[Frame], Frame | None] = lambda frame: None
        self.commands: list[tuple[int, bytes]] = []
        self.on_ack: Callable[[int, int], None] = lambda epoch, following: None
        self._loop = asyncio.get_running_loop()
        self._started = time.monotonic()
        self._fds: tuple[int, int] | None = None
        self._forget()

    @property
    def id(self) -> str:
        """Dispenser id in text."""
        return self.device.hex()

    @property
    def next(self) -> int:
        """Seq of the next record to be written."""
        return int.from_bytes(self.records[-1][:4], "big") + 1 if self.records else 0

    def plug(self) -> None:
        """Make the port appear."""
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._fds = master, slave
        self._forget()
        new = self.link.with_suffix(".new")
        new.symlink_to(os.ttyname(slave))
        new.replace(self.link)
        self._loop.add_reader(master, self._readable)

    def unplug(self) -> None:
        """Make the port vanish: whoever holds it sees a hang-up."""
        if self._fds is not None:
            self._loop.remove_reader(self._fds[0])
            for fd in self._fds:
                os.close(fd)
            self._fds = None
        self.link.unlink(missing_ok=True)

    def add(self, *records: bytes) -> None:
        """Write records to the journal; sent at once if somebody reads."""
        self.records.extend(records)
        self._pump()

    def write(self, data: bytes) -> None:
        """Put bytes on the line, whatever they are."""
        if self._fds is not None:
            # nobody reads: USB would drop them too
            with contextlib.suppress(BlockingIOError):
                os.write(self._fds[0], data)

    def reboot(self) -> None:
        """Start anew: uptime from 0, the READ is forgotten."""
        self._started = time.monotonic()
        self._forget()

    def send_events(self, body: bytes, ref: int | None = None) -> None:
        """Send an EVENTS body as the answer to the current READ, or with another ref."""
        self.write(encode(Frame(EVENTS, body, self._ref if ref is None else ref, from_host=False)))

    def _forget(self) -> None:
        self._deframer = Deframer()
        self._ref = 0
        self._at: int | None = None
        self._window = 0
        self._out: list[tuple[int, int]] = []

    def _readable(self) -> None:
        if self._fds is None:
            return
        with contextlib.suppress(OSError):
            for frame in self._deframer.feed(os.read(self._fds[0], 4096)):
                self._take(frame)

    def _take(self, frame: Frame) -> None:
        self.received[frame.type] += 1
        if self.silent:
            return
        if frame.type == HELLO:
            self.write(encode(Frame(HELLO, self._hello(), frame.ref, False, reply=True)))
        elif frame.type == READ:
            epoch, start, window = struct.unpack(">IIH", frame.body)
            self.reads.append((epoch, start))
            self._read(frame.ref, epoch, start, window)
        elif frame.type == ACK:
            epoch, following = struct.unpack(">II", frame.body)
            self.on_ack(epoch, following)
            self.acked.append(following)
            self._out = [entry for entry in self._out if entry[0] >= following]
            self._pump()
        elif frame.type in _COMMANDS:
            self.commands.append((frame.type, frame.body))
            answer = self.on_command(frame)
            if answer is not None:
                self.write(encode(answer))
        elif frame.type == TIME:
            self.times.append(frame.body)
        elif frame.type == WATERMARK:
            self.watermarks.append(frame.body)

    def _hello(self) -> bytes:
        tag = self.records[-1][-8:] if self.records else bytes(8)
        uptime = int(time.monotonic() - self._started)
        head = struct.pack(">8s8s5BH", self.device, b"script", *self.version, 1, self.service, 1)
        rest = (self.epoch, self.first, self.next, tag, uptime, 90_000_000, 2, 7)
        return head + struct.pack(">III8sIIBI", *rest)

    def _read(self, ref: int, epoch: int, start: int, window: int) -> None:
        if epoch != self.epoch or start > self.next:
            code = 3 if epoch != self.epoch else 5
            body = struct.pack(">BB", code, READ) + b"no"
            self.write(encode(Frame(ERROR, body, ref, False, reply=True)))
            return
        self._ref, self._window, self._out = ref, window, []
        seqs = [int.from_bytes(raw[:4], "big") for raw in self.records]
        wanted = max(start, self.first)
        self._at = next((i for i, seq in enumerate(seqs) if seq >= wanted), len(seqs))
        self._pump()

    def _pump(self) -> None:
        while self._at is not None and self._at < len(self.records):
            chunk = self._chunk(self._at)
            size = _EVENTS_HEAD + sum(map(len, chunk))
            if sum(entry[1] for entry in self._out) + size > self._window:
                return
            previous = self.records[self._at - 1][-8:] if self._at else bytes(8)
            body = struct.pack(">I8sB", self.epoch, previous, len(chunk)) + b"".join(chunk)
            self._out.append((int.from_bytes(chunk[-1][:4], "big"), size))
            self._at += len(chunk)
            if self.lose_events:
                self.lose_events -= 1
            else:
                self.send_events(body)

    def _chunk(self, at: int) -> list[bytes]:
        chunk = [self.records[at]]
        for raw in self.records[at + 1 : at + 20]:
            if int.from_bytes(raw[:4], "big") != int.from_bytes(chunk[-1][:4], "big") + 1:
                break
            chunk.append(raw)
        return chunk
