"""The daemon's state, told to whoever connects to a Unix socket in the data folder.

One JSON object a line, then the end of the stream. Whether a daemon is there: no socket = it ended
in order or never ran; refused = it died; silence = it hangs.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

REMEDY = "`systemctl status dosewire-gateway`, `journalctl -u dosewire-gateway`"
"""What to do if nobody answers."""
_NAME = "status.sock"
_WITHIN = 2.0


class NoDaemonError(OSError):
    """Nobody tells its state; the text is one line that says why."""


class Server:
    """Answers with what `state()` returns."""

    def __init__(self, folder: Path, state: Callable[[], dict[str, Any]]) -> None:
        self._folder = folder
        self._state = state
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; takes over from a daemon that died. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            (self._folder / _NAME).unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _address(self._folder) as address:
            listener.bind(address)
        (self._folder / _NAME).chmod(0o660)
        self._server = await asyncio.start_unix_server(self._answer, sock=listener)

    async def close(self) -> None:
        """Stop, leaving nothing behind."""
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(FileNotFoundError):
                (self._folder / _NAME).unlink()

    async def _answer(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(json.dumps(self._state()).encode() + b"\n")
            async with asyncio.timeout(_WITHIN):
                await writer.drain()
        writer.close()


def ask(folder: Path) -> dict[str, Any]:
    """Return the state of the daemon that uses this data folder.

    Raises NoDaemonError if there is none, or it does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(_WITHIN)
        try:
            with _address(folder) as address:
                line.connect(address)
            with line.makefile("rb") as answer:
                state: dict[str, Any] = json.loads(answer.readline())
        except FileNotFoundError as error:
            raise NoDaemonError("does not run: it ended in order, or was never started") from error
        except ConnectionRefusedError as error:
            raise NoDaemonError("does not run: it ended without saying so") from error
        except TimeoutError as error:
            raise NoDaemonError("runs, but hangs: it does not answer") from error
        except PermissionError as error:
            raise NoDaemonError("cannot be asked: no permission, try with sudo") from error
        except (OSError, ValueError) as error:
            raise NoDaemonError(f"cannot be asked: {error}") from error
    return state


@contextlib.contextmanager
def _address(folder: Path) -> Iterator[str]:
    # a socket's path has at most 107 bytes (unix(7)): ours may be longer, its folder's number not
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{number}/{_NAME}"
    finally:
        os.close(number)
