"""A program that asks the person who runs it, and waits for what that does or answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from sim.child import ChildError, limited, spawn

_AT_ONCE = 4096


class Talk:
    """Hears what a running program says on stderr and answers on its stdin; all is logged."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self._name = name
        self._process = process
        self._log = log
        self._said = ""

    async def hear(self, words: str) -> None:
        """Wait until it has said this. Raises ChildError if it ends before."""
        assert self._process.stderr is not None
        while words not in self._said:
            more = await self._process.stderr.read(_AT_ONCE)
            if not more:
                raise ChildError(f"{self._name} ended before {words!r}:\n{self._said}")
            self._note(more)

    async def answer(self, word: str) -> None:
        """Type a word and Enter."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        with contextlib.suppress(ConnectionError):  # it has ended: `hear` and `end` say how
            await self._process.stdin.drain()

    async def end(self) -> None:
        """Wait until it ends. Raises ChildError if it ends badly."""
        _, rest = await self._process.communicate()
        self._note(rest)
        if self._process.returncode:
            told = f"{self._name} ended with {self._process.returncode}"
            raise ChildError(f"{told}:\n{self._said}")

    def _note(self, said: bytes) -> None:
        self._said += said.decode(errors="replace")
        with self._log.open("ab") as file:
            file.write(said)


@contextlib.asynccontextmanager
async def talk(name: str, command: Sequence[str], log: Path, within: float) -> AsyncIterator[Talk]:
    """Run a command to talk with; nothing of it is left running.

    Raises ChildError if it all takes longer than `within` seconds of the host's time.
    """
    pipe = asyncio.subprocess.PIPE
    process = await spawn(command, asyncio.subprocess.DEVNULL, pipe, stdin=pipe)
    async with limited(name, process, log, within):
        yield Talk(name, process, log)
