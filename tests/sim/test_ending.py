"""An impatient Ctrl-C does not cut the clean-up that the first one began."""

import asyncio
import os
import signal
import sys

import pytest

from sim.ending import end_on_signals


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_cut_the_end(second: int) -> None:
    done = []

    async def work() -> None:
        end_on_signals()
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), second)
            for _ in range(20):
                await asyncio.sleep(0)
            done.append("cleaned up")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(work())
    assert done == ["cleaned up"]


def test_a_reader_who_is_gone_ends_the_task_and_what_else_is_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, writer = os.pipe()
    out = os.fdopen(writer, "w")
    monkeypatch.setattr(sys, "stdout", out)
    done = []

    async def work() -> None:
        end_on_signals()
        os.close(reader)
        try:
            print("first", flush=True)
            await asyncio.Event().wait()
        finally:
            print("second", flush=True)
            done.append("cleaned up")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(work())
    assert done == ["cleaned up"]
    assert sys.stdout is out
    out.close()
