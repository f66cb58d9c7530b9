"""Ctrl-C and SIGTERM end the task that runs, in order."""

import asyncio
import signal


def end_on_signals() -> None:
    """Cancel the current task on the first SIGINT or SIGTERM; further ones do not cut its end."""
    # also where a shell has let us inherit that Ctrl-C is ignored
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, _cancel_once, task)


def _cancel_once(task: "asyncio.Task[object]") -> None:
    # the one who is impatient, and `make`, signal twice
    if not task.cancelling():
        task.cancel()
