"""An impatient Ctrl-C does not cut the clean-up that the first one began."""

import asyncio
import errno
import os
import signal
import sys

import pytest

from sim.ending import MishapError, end_on_mishap, end_on_signals


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


def test_what_fails_in_a_callback_ends_the_task_that_waits() -> None:
    async def work() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        try:
            with end_on_mishap():
                loop.call_soon(_full)
                loop.call_soon(_full)
                await done.wait()
        finally:
            await asyncio.sleep(0)  # it is not cancelled any more: it can clean up
        assert loop.get_exception_handler() is None

    with pytest.raises(MishapError, match=r"OSError: .*No space left") as caught:
        asyncio.run(work())
    assert isinstance(caught.value.__cause__, OSError)


def test_who_does_not_wait_any_more_is_told_too() -> None:
    async def work() -> None:
        with end_on_mishap():
            asyncio.get_running_loop().call_soon(_full)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return

    with pytest.raises(MishapError, match="No space left"):
        asyncio.run(work())


def test_ctrl_c_stays_ctrl_c_and_other_complaints_are_only_told() -> None:
    heard: list[str] = []

    async def work() -> None:
        loop = asyncio.get_running_loop()
        with end_on_mishap():
            loop.call_exception_handler({"message": "never retrieved", "exception": OSError()})
            await asyncio.sleep(0)
            heard.append("goes on")
            end_on_signals()
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(work())
    assert heard == ["goes on"]


def _full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
