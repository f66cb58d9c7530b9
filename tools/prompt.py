"""A dispenser's MicroPython prompt, through mpremote's own transport.

mpremote says that its Python interface is going to change: this module alone uses it. Entering is
our own: mpremote's way reads for ever from a board that prints for ever, and prints what it met.
Control bytes: MicroPython documentation, "The MicroPython Interactive Interpreter Mode".
"""

import contextlib
import os
import struct
import termios
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport
from serial import SerialException

from tools.exits import Exit
from tools.port import PortError, check, refuse_busy

_CHUNK = 4096
_SILENCE = 10
"""Seconds without a byte after which a board that should answer is given up."""
_PATIENCE = 20.0
"""Seconds of trying to get a prompt from a board that runs, prints, crashes or restarts."""
_RESTART = 2.0
_NO_PROMPT = (
    "no prompt: it is no board with MicroPython, or what runs there cannot be stopped: "
    "hold the service button while plugging in, then run this again"
)
_WENT = "the board went away: check cable and power, then run this again"
_GONE = (TransportError, SerialException, OSError, termios.error)
"""What mpremote and pyserial raise when the port goes: EIO of tcflush(3) is no OSError."""
_BROKEN = (*_GONE, ValueError, struct.error)
"""What mpremote raises when the board stops in the middle."""
_BANNER = b"raw REPL; CTRL-B to exit\r\n"
# the app's own feeder gives 15 minutes; a board with another boot.py and a running watchdog has
# none (WATCHDOG_CTRL bit 30, WATCHDOG_LOAD: datasheets of RP2040, 4.7.6, and RP2350, 12.9.7)
_FEED = """
import machine, sys
_watchdog = 0x400D8000 if "RP2350" in sys.implementation._machine else 0x40058000
try:
    maintenance.start()
    maintenance.extend()
except NameError:
    if machine.mem32[_watchdog] & 1 << 30:
        def _feed(timer):
            machine.mem32[_watchdog + 4] = 0x7FFFFF
        _feeder = machine.Timer(period=500, mode=machine.Timer.PERIODIC, callback=_feed)
"""
_HASH = """
import hashlib, binascii
def _digest(path):
    digest, block = hashlib.sha256(), bytearray(1024)
    try:
        with open(path, "rb") as file:
            while True:
                count = file.readinto(block)
                if not count:
                    return binascii.hexlify(digest.digest()).decode()
                digest.update(memoryview(block)[:count])
    except OSError:
        return "-"
"""
# the prompt's answer must be out before the port goes
_RESET = "import time, machine\ntime.sleep_ms(100)\nmachine.reset()"


class PromptError(PortError):
    """The board does not answer, or what it was told to do failed; one line."""


class Prompt:
    """The raw REPL of one port; interrupts what runs, soft-resets, and keeps the watchdog fed."""

    def __init__(self, port: Path, patience: float = _PATIENCE) -> None:
        """Open it; raises PortError if there is no board, PromptError if it gives no prompt."""
        self._port = port
        self._hashing = self._heard = False
        end = time.monotonic() + patience
        _awaited(port)
        while not self._opened(end):
            if time.monotonic() > end:
                raise PromptError(f"{port}: {_NO_PROMPT}", Exit.NO_PROMPT)
            time.sleep(0.05)
        try:
            self.run(_FEED)
        except BaseException:
            self._restart()
            self._close()
            raise

    def _opened(self, end: float) -> bool:
        # False: it restarts just now, or does nothing but restart
        try:
            self._transport = SerialTransport(os.fspath(self._port), timeout=_SILENCE)
        except _GONE:
            refuse_busy(self._port)
            return False
        self._transport.serial.write_timeout = _SILENCE
        try:
            if self._entered(end):
                return True
        except _GONE:
            pass
        except BaseException:
            self._close()
            raise
        self._close()
        return False

    def _entered(self, end: float) -> bool:
        serial = self._transport.serial
        for patience in (0.5, 1, 2, 4):
            serial.write(b"\r\x03")
            self._drain(0.1)
            if patience > 0.5:  # a program that tidies up after the first one
                serial.write(b"\x03")
                self._drain(0.1)
            serial.write(b"\r\x01")
            if self._sees(_BANNER + b">", patience) and self._restarted():
                return True
            if time.monotonic() > end:
                return False
        if not self._heard:  # no board says nothing for so long
            raise PromptError(f"{self._port}: {_NO_PROMPT}", Exit.NO_PROMPT)
        return False

    def _restarted(self) -> bool:
        # a boot.py that never ends is interrupted, too
        serial = self._transport.serial
        serial.write(b"\x04")
        if not self._sees(b"soft reboot\r\n", 5):
            return False
        for patience in (3, 1, 1):
            if self._sees(_BANNER, patience):
                self._drain(0.05)
                serial.write(b"\x01")
                found = self._transport.read_until(1, _BANNER, timeout_overall=2)
                self._transport.in_raw_repl = True
                return bool(found.endswith(_BANNER))
            serial.write(b"\r\x03")
        return False

    def _sees(self, text: bytes, within: float) -> bool:
        end, seen = time.monotonic() + within, b""
        while time.monotonic() < end:
            seen = seen[-len(text) :] + self._some()
            if text in seen:
                return True
        return False

    def _drain(self, quiet: float) -> None:
        # what was printed before; a board that prints for ever is not waited for
        end = time.monotonic() + 5 * quiet
        last = time.monotonic()
        while time.monotonic() < min(end, last + quiet):
            if self._some():
                last = time.monotonic()

    def _some(self) -> bytes:
        serial = self._transport.serial
        waiting = serial.in_waiting
        if not waiting:
            time.sleep(0.005)
            return b""
        data: bytes = serial.read(min(waiting, 4096))
        self._heard = True
        return data

    def __enter__(self) -> Self:
        """Nothing to do: it is open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the port; the board stays at its prompt, restarted if something went wrong."""
        if error is not None:
            self._restart()
        self._close()

    def _close(self) -> None:
        with contextlib.suppress(*_GONE):
            self._transport.close()
        with contextlib.suppress(*_GONE):
            self._transport.serial.close()

    def _restart(self) -> None:
        # left at the prompt it would record nothing, and look like a dead one to the next command
        with contextlib.suppress(*_GONE):
            serial = self._transport.serial
            serial.write(b"\r\x03\r\x01")
            if self._sees(_BANNER + b">", 2):
                serial.write(_RESET.encode() + b"\x04")
                self._await_going()

    def run(self, code: str, progress: Callable[[bytes], None] | None = None) -> str:
        """Return what `code` prints; raises PromptError with the exception's last line.

        `progress` gets each byte as it comes; then nothing is returned.
        """
        return self._try("run", lambda: self._transport.exec(code, progress)).decode()

    def write(self, path: str, data: bytes, progress: Callable[[int], None]) -> None:
        """Write a file; `progress` gets the number of bytes each time some have arrived."""
        if len(data) <= _CHUNK:
            # a third of the round trips
            self.run(f"with open({path!r}, 'wb') as file:\n    file.write({data!r})")
            progress(len(data))
            return
        told = 0

        def report(done: int, _total: int) -> None:
            nonlocal told
            progress(done - told)
            told = done

        self._try(path, lambda: self._transport.fs_writefile(path, data, _CHUNK, report))

    def digests(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 of each file, in hex, as the board reads it; `-` if it cannot."""
        wanted = list(paths)
        code = "" if self._hashing else _HASH
        told = self.run(f"{code}\nfor path in {wanted!r}:\n    print(_digest(path))").split()
        self._hashing = True
        if len(told) != len(wanted):
            raise PromptError(f"{self._port}: {_WENT}")
        return dict(zip(wanted, told, strict=True))

    def reset(self) -> None:
        """Restart the board as if its reset pin was pulled: its port goes and comes back."""
        self._try("reset", lambda: self._transport.exec_raw_no_follow(_RESET))
        self._await_going()

    def _await_going(self) -> None:
        # whoever asks next must not meet the board that was
        with contextlib.suppress(*_GONE):
            self._sees(b"\x00never", 2)

    def _try(self, what: str, action: Callable[[], bytes]) -> bytes:
        try:
            return action()
        except TransportExecError as error:
            raise PromptError(f"{self._port}: {what}: {_last(error.error_output)}") from error
        except _BROKEN as error:
            raise PromptError(f"{self._port}: {what}: {_line(error)}; {_WENT}") from error


def _awaited(port: Path) -> None:
    # a board that restarts just now has none for a moment
    end = time.monotonic() + _RESTART
    while not port.exists() and time.monotonic() < end:
        time.sleep(0.05)
    check(port)


def _last(trace: str) -> str:
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    return lines[-1] if lines else "failed"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
