"""A dispenser's MicroPython prompt, through mpremote's own transport.

mpremote says that its Python interface is going to change: this module alone uses it.
"""

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport
from serial import SerialException

from tools.port import PortError, check

_CHUNK = 1024
_SILENCE = 10
"""Seconds without a byte after which a board that should answer is given up."""
_NO_PROMPT = "does another program use the port, and is it a board with MicroPython?"
_WENT = "the board went away: check cable and power, then run this again"


class PromptError(PortError):
    """The board does not answer, or what it was told to do failed; one line."""


class Prompt:
    """The raw REPL of one port; interrupts what runs, and soft-resets first."""

    def __init__(self, port: Path) -> None:
        """Open it; raises PortError if there is no board, PromptError if it gives no prompt."""
        check(port)
        self._port = port
        said = io.StringIO()
        try:
            # mpremote prints what it met instead of a prompt
            with contextlib.redirect_stdout(said):
                self._transport = SerialTransport(os.fspath(port), timeout=_SILENCE)
                self._enter()
        except (TransportError, SerialException, OSError) as error:
            met = f"{_line(error)} {said.getvalue()[:80]}".strip()
            raise PromptError(f"{port}: no prompt: {met}; {_NO_PROMPT}") from error

    def _enter(self) -> None:
        try:
            self._transport.enter_raw_repl()
        except BaseException:
            self._transport.close()
            raise

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
        with contextlib.suppress(OSError, SerialException):
            self._transport.close()

    def _restart(self) -> None:
        # left at the prompt it would record nothing, and look like a dead one to the next command
        with contextlib.suppress(TransportError, OSError, SerialException):
            self._transport.enter_raw_repl(soft_reset=False)
            self._transport.exec_raw_no_follow(_RESET)

    def run(self, code: str) -> str:
        """Return what `code` prints; raises PromptError with the exception's last line."""
        return self._try("run", lambda: self._transport.exec(code)).decode()

    def write(self, path: str, data: bytes, progress: Callable[[int], None]) -> None:
        """Write a file; `progress` gets the number of bytes each time some have arrived."""
        told = 0

        def report(done: int, _total: int) -> None:
            nonlocal told
            progress(done - told)
            told = done

        self._try(path, lambda: self._transport.fs_writefile(path, data, _CHUNK, report))

    def sha256(self, path: str) -> bytes:
        """Return the SHA-256 of a file as the board reads it."""
        digest: bytes = self._try(path, lambda: self._transport.fs_hashfile(path, "sha256"))
        return digest

    def reset(self) -> None:
        """Restart the board as if its reset pin was pulled: its port goes and comes back."""
        self._try("reset", lambda: self._transport.exec_raw_no_follow(_RESET))

    def _try(self, what: str, action: Callable[[], bytes]) -> bytes:
        try:
            return action()
        except TransportExecError as error:
            raise PromptError(f"{self._port}: {what}: {_last(error.error_output)}") from error
        except (TransportError, SerialException, OSError) as error:
            raise PromptError(f"{self._port}: {what}: {_line(error)}; {_WENT}") from error


# the prompt's answer must be out before the port goes
_RESET = "import time, machine\ntime.sleep_ms(100)\nmachine.reset()"


def _last(trace: str) -> str:
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    return lines[-1] if lines else "failed"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
