"""Frames that reach a bare REPL prompt do nothing there."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from protocol.framing import Frame, encode
from tests.sim.board.bench import Bench

SEED = 200
FRAMES = 200


def _frames() -> bytes:
    rng = random.Random(SEED)
    return b"".join(
        encode(Frame(type=rng.randrange(256), ref=n & 255, body=rng.randbytes(rng.randint(0, 60))))
        for n in range(FRAMES)
    )


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["friendly", "raw"])
def test_random_frames_execute_nothing(tmp_path: Path, mode: str) -> None:
    async def scenario() -> None:
        async with Bench(tmp_path).board as board:
            bench_console = tmp_path / "console.log"
            port = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
            try:
                if mode == "raw":
                    os.write(port, b"\x01")
                    await board.wait_for(lambda: b"raw REPL" in bench_console.read_bytes())
                before = bench_console.read_bytes()
                line = _frames()
                for at in range(0, len(line), 64):
                    os.write(port, line[at : at + 64])
                    await asyncio.sleep(0)
                # Ctrl-B Ctrl-C CR: out of any mode, then a line of our own
                os.write(port, b"\x02\x03\rprint('still', 'here')\r")
                await board.wait_for(lambda: b"still here" in bench_console.read_bytes())
            finally:
                os.close(port)
            printed = bench_console.read_bytes()[len(before) :]
            ours = printed.count(b"Traceback") + printed.count(b"paste mode")
            assert ours == 0, f"seed {SEED}: {printed[-500:]!r}"
            # prompts: one from Ctrl-B, one from Ctrl-C, one from CR, one after our line
            assert printed.count(b">>> ") <= 4, f"seed {SEED}: {printed[-500:]!r}"
            assert board.boots == 1

    asyncio.run(scenario())
