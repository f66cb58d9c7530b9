"""A serial port that loses nothing: opened raw, read in blocks, never flushed.

Bytes that wait when it is opened are kept. The lock is flock(2), the same that pyserial takes for
`exclusive`, so that a tech's tool and the gateway keep out of each other's way. HUPCL is off: the
lines do not drop when the gateway ends. termios(3).
"""

import asyncio
import contextlib
import fcntl
import os
import termios
from pathlib import Path

_BLOCK = 65536
_IFLAG, _OFLAG, _CFLAG, _LFLAG, _CC = 0, 1, 2, 3, 6


class PortLostError(OSError):
    """The port vanished, hung up or stopped taking bytes: close it and open it again."""


class PortBusyError(OSError):
    """Another program holds the port."""


class SerialPort:
    """An open port on the running event loop."""

    def __init__(self, path: Path) -> None:
        """Open and lock it; raises PortBusyError, or OSError if it is not there or no terminal."""
        self._loop = asyncio.get_running_loop()
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._waiter: asyncio.Future[None] | None = None
        self._woken = self._watched = False
        self._taken = b""
        try:
            _lock(self._fd)
            _make_raw(self._fd)
        except BaseException:
            os.close(self._fd)
            raise

    async def read(self, timeout: float) -> bytes:
        """Return what has come, b"" after `timeout` seconds or `wake()`; raises PortLostError."""
        if not self._watched:
            self._loop.add_reader(self._fd, self._readable)
            self._watched = True
        await self._wait(timeout)
        if self._taken:
            data, self._taken = self._taken, b""
            return data
        try:
            data = os.read(self._fd, _BLOCK)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise PortLostError(error.errno, f"read: {error.strerror}") from error
        if not data:
            raise PortLostError("hung up")
        return data

    async def write(self, data: bytes, timeout: float) -> None:
        """Write all; raises PortLostError if that takes longer: the rest is never sent."""
        end = self._loop.time() + timeout
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                await self._writable(end - self._loop.time())
            except OSError as error:
                raise PortLostError(error.errno, f"write: {error.strerror}") from error

    def is_at(self, path: Path) -> bool:
        """Tell whether a path leads here, or nowhere; what is open stays so if it leads away."""
        try:
            return path.stat().st_rdev == os.fstat(self._fd).st_rdev
        except OSError:
            return True

    def wake(self) -> None:
        """End a read that waits, or the next one, at once."""
        self._woken = True
        self._ready()

    def close(self) -> None:
        """Close it and give up the lock."""
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        os.close(self._fd)

    async def _wait(self, timeout: float) -> None:
        if not self._woken:
            self._waiter = self._loop.create_future()
            # its end is no error: cheaper than timeout(), on the way of every record
            timer = self._loop.call_later(timeout, self._ready)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        self._woken = False

    def _readable(self) -> None:
        if self._waiter is None:
            # whoever reads is busy elsewhere: what comes can wait in the kernel
            self._loop.remove_reader(self._fd)
            self._watched = False
            return
        # at once, or it is told of once more before the reader runs; it meets errors by itself
        with contextlib.suppress(OSError):
            self._taken += os.read(self._fd, _BLOCK)
        self._ready()

    def _ready(self) -> None:
        if self._waiter is not None:
            _finish(self._waiter)

    async def _writable(self, timeout: float) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_writer(self._fd, _finish, ready)
        try:
            async with asyncio.timeout(timeout):
                await ready
        except TimeoutError as error:
            raise PortLostError("takes no more bytes") from error
        finally:
            self._loop.remove_writer(self._fd)


def _finish(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _lock(fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PortBusyError("held by another program") from error


def _make_raw(fd: int) -> None:
    try:
        mode = termios.tcgetattr(fd)
        mode[_IFLAG] = 0
        mode[_OFLAG] = 0
        mode[_LFLAG] = 0
        mode[_CFLAG] &= ~(termios.CSIZE | termios.PARENB | termios.HUPCL)
        mode[_CFLAG] |= termios.CS8 | termios.CREAD | termios.CLOCAL
        mode[_CC][termios.VMIN] = 1
        mode[_CC][termios.VTIME] = 0
        # TCSANOW: the other ways wait for output or throw input away
        termios.tcsetattr(fd, termios.TCSANOW, mode)
    except termios.error as error:
        raise OSError(*error.args) from error
