"""Nothing is left running, whichever way it ends; and the command line."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.board.process import heap_size
from tests.sim.board.bench import MPREMOTE, PICO, Bench, EmulatedBoard


def gone(process: int, timeout: float = 5) -> bool:
    """Whether the process ends within the time."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    ended = bool(poll.poll(timeout * 1000))
    os.close(descriptor)
    return ended


def test_close_leaves_no_process_and_no_descriptor(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def life() -> int:
        bench = Bench(tmp_path)
        async with bench.board:
            await bench.run("print(1)")
            await bench.mpremote("reset")
            await bench.board.wait_for(lambda: bench.board.boots >= 4)
            pid = bench.board.pid
        assert not bench.board.port.is_symlink()
        assert pid is not None
        return pid

    asyncio.run(life())
    before = descriptors()
    assert gone(asyncio.run(life()))
    assert descriptors() == before


def start(folder: Path) -> tuple[subprocess.Popen[str], Path, int]:
    """`python -m sim.board` and the board's process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sim.board", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    port = Path(process.stdout.readline().split()[1])
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return process, port, int(children[0])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_command_runs_a_board_and_takes_it_along(tmp_path: Path, how: signal.Signals) -> None:
    process, port, board = start(tmp_path)
    try:
        said = subprocess.run(
            [MPREMOTE, "connect", str(port), "eval", "6 * 7"],
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
        assert said.stdout.strip() == "42"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(how)
        _, errors = process.communicate(timeout=10)
        assert all(gone(int(child)) for child in [board, *map(str, children)])
        assert process.returncode == (0 if how == signal.SIGINT else -signal.SIGKILL)
        assert not errors
    finally:
        process.kill()


def test_a_crash_of_the_interpreter_is_told(on_bench: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        pid = bench.board.pid
        assert pid
        os.kill(pid, signal.SIGSEGV)
        await bench.board.wait_for(lambda: bench.board.state == "off")
        assert bench.board.exits[-1].cause == "crash"
        assert bench.board.exits[-1].code == -signal.SIGSEGV

    on_bench(scenario)


def test_images_of_another_board_are_refused(tmp_path: Path) -> None:
    async def make() -> None:
        EmulatedBoard(tmp_path, PICO, name="x")

    (tmp_path / "flash.img").write_bytes(bytes(4096))
    with pytest.raises(ValueError, match=r"flash.img has 4096 bytes, the board needs 1441792"):
        asyncio.run(make())


@pytest.mark.parametrize(
    ("text", "size"), [("4096", 4096), ("240wK", 491_520), ("1M", 1 << 20), ("2wM", 4 << 20)]
)
def test_heap_sizes(text: str, size: int) -> None:
    assert heap_size(text) == size


@pytest.mark.parametrize("text", ["", "K", "1Kw", "1 K", "-1", "1k"])
def test_wrong_heap_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a number"):
        heap_size(text)
