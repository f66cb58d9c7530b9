"""Ctrl-C and SIGTERM end the task that runs, in order."""

import asyncio
import signal


def end_on_signals() -> None:
    """Cancel the current task on SIGINT and SIGTERM."""
    # also where a shell has let us inherit that Ctrl-C is ignored
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
