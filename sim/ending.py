"""What ends the task that runs, in order: Ctrl-C, SIGTERM, a reader of our output who is gone, and
what fails where no task waits for it.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TextIO


class MishapError(RuntimeError):
    """A callback of the event loop has failed; says how."""


@contextlib.contextmanager
def end_on_mishap() -> Iterator[None]:
    """End the current task when a callback of its loop fails: what waits for it would hang.

    Raises MishapError then. What else the loop complains of is told as always.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    found: list[Exception] = []

    def note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if "handle" not in context or not isinstance(error, Exception):
            loop.default_exception_handler(context)
        elif not found:
            found.append(error)
            task.cancel()

    before = loop.get_exception_handler()
    loop.set_exception_handler(note)
    try:
        yield
    except asyncio.CancelledError:
        if not found or task.uncancel():
            raise
        raise _mishap(found[0]) from found[0]
    finally:
        loop.set_exception_handler(before)
    if found:
        task.uncancel()
        raise _mishap(found[0]) from found[0]


def innermost(error: BaseException) -> BaseException:
    """Return what failed first of things done at the same time."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _mishap(error: Exception) -> MishapError:
    return MishapError(f"{type(error).__name__}: {error}")


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
