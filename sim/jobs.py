"""Plays scenarios, several at once: each then in a process of its own, for a world keeps one core
busy.

`python -m sim.jobs WORD FOLDER CACHE SEED BOARD` plays one and leaves its result in the folder.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from sim import batch, factory
from sim.batch import Chosen, Result
from sim.child import last_lines, spawn
from sim.ending import end_on_signals

_ENDED_WITHIN = 30.0
_INTERRUPTED = 130

Running = Callable[[Sequence[Chosen]], None]
"""Told which scenarios run now."""
Say = Callable[[Result], None]


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


async def run(
    scenarios: Sequence[Chosen],
    folder: Path,
    cache: Path,
    seed: int | None,
    board: str,
    at_once: int,
    running: Running,
    say: Say,
) -> list[Result]:
    """Play them, each in a folder of its own; a failing one does not end the rest.

    Returns the results in the order of the scenarios; cancelled, nothing is left running.
    """
    image = await factory.flashed(cache)
    alone = min(at_once, len(scenarios)) == 1
    results: dict[int, Result] = {}
    waiting = list(enumerate(scenarios))
    if not alone:  # the longest first, so that no core waits for one at the end
        waiting.sort(key=lambda item: -item[1].scenario.days)
    now: list[Chosen] = []

    async def worker() -> None:
        while waiting:
            number, what = waiting.pop(0)
            now.append(what)
            running(now)
            own = folder / what.scenario.name
            if alone:
                results[number] = await batch.one(what, own, seed, board, image)
            else:
                results[number] = await _apart(what, own, cache, seed, board)
            now.remove(what)
            say(results[number])

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(at_once, len(scenarios))):
            tasks.create_task(worker())
    return [results[number] for number in sorted(results)]


async def _apart(what: Chosen, folder: Path, cache: Path, seed: int | None, board: str) -> Result:
    result = batch.blank(what, folder, seed, board)
    if result.skipped:
        return result
    log = folder.with_name(f"{folder.name}.log")
    words = [what.word, str(folder), str(cache), str(result.seed), board]
    with log.open("wb") as out:
        command = [sys.executable, "-m", "sim.jobs", *words]
        process = await spawn(command, out.fileno(), out.fileno())
    try:
        await process.wait()
    except asyncio.CancelledError:
        await _end(process)
        raise
    try:
        return batch.kept(folder)
    except (OSError, msgspec.MsgspecError):
        told = f"its process ended with {process.returncode}: {last_lines(log)}"
        result.wrong = [told]
        batch.keep(folder, result)
        return result
    finally:
        if log.stat().st_size == 0:
            log.unlink()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End it in order: it ends what it has started; killed if that takes too long."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _ENDED_WITHIN)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _play(word: str, folder: Path, cache: Path, seed: int, board: str) -> None:
    end_on_signals()
    image = await factory.flashed(cache)
    await batch.one(batch.named(word), folder, seed, board, image)


def main(words: Sequence[str]) -> int:
    """Play one; 0 if that left a result, good or wrong, 130 if it was ended."""
    word, folder, cache, seed, board = words
    try:
        asyncio.run(_play(word, Path(folder), Path(cache), int(seed), board))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return _INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
