"""Ctrl-C, SIGTERM and a reader of our output who is gone end the task that runs, in order."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, TextIO


def end_on_signals() -> None:
    """Cancel the current task on the first SIGINT or SIGTERM; further ones do not cut its end.

    So does what cannot be printed any more, as in `... | head`; from then on it is thrown away.
    """
    # also where a shell has let us inherit that Ctrl-C is ignored
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, _cancel_once, task)
        before: Any = sys.stdout
        sys.stdout = _Output(before, partial(_cancel_once, task))
        task.add_done_callback(lambda _: setattr(sys, "stdout", before))


def _cancel_once(task: "asyncio.Task[object]") -> None:
    # the one who is impatient, and `make`, signal twice
    if not task.cancelling():
        task.cancel()


class _Output:
    """A standard output whose reader may go."""

    def __init__(self, real: TextIO, gone: Callable[[], None]) -> None:
        self._real = real
        self._gone = gone

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def write(self, text: str) -> int:
        """As the real one."""
        try:
            return self._real.write(text)
        except BrokenPipeError:
            self._end()
            return len(text)

    def flush(self) -> None:
        """As the real one."""
        try:
            self._real.flush()
        except BrokenPipeError:
            self._end()

    def _end(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._real.fileno())
        os.close(nowhere)
        self._gone()
