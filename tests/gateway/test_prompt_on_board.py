"""The real firmware in the real MicroPython, left at its prompt by a tech."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.clock import Clock, HostTime
from gateway.counters import Counters
from gateway.database import Database
from gateway.dispensers import PortTask
from gateway.spool import TABLES, Spool
from sim.hello import ask
from tests.gateway.test_port import _Deaf as Deaf
from tests.support.gateway import until

pytestmark = pytest.mark.slow
BIN = Path(sys.executable).parent


def _leave_by_mpremote(port: Path) -> None:
    command = [BIN / "mpremote", "connect", port, "exec", "print('left')"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert "left" in done.stdout


def _leave_raw(port: Path) -> None:
    # a tool that died inside the raw prompt: it echoes nothing and says nothing
    _leave_by_mpremote(port)
    line = os.open(port, os.O_RDWR | os.O_NOCTTY)
    os.write(line, b"\x01print(")
    os.close(line)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The port of an emulated board with the firmware, provisioned."""
    folder = tmp_path_factory.mktemp("board")
    command = [sys.executable, "-m", "sim.board", str(folder / "board"), "--name", "prompt"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        path = process.stdout.readline().split()[-1]
        dosewire = [sys.executable, "-m", "tools.main"]
        registry = str(folder / "registry.json")
        for words in (["flash"], ["provision", "--registry", registry]):
            subprocess.run(
                [*dosewire, *words, "--port", path], capture_output=True, timeout=60, check=True
            )
        yield Path(path)
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("leave", [_leave_by_mpremote, _leave_raw])
def test_a_board_left_at_its_prompt_is_read_again(
    tmp_path: Path, port: Path, leave: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.session.ANSWER_WITHIN", 0.2)
    asyncio.run(ask(port, 20))
    leave(port)

    async def scenario() -> None:
        counters, clock = Counters(), Clock()
        spool = Spool(Database(tmp_path / "spool.db", TABLES, counters))
        task = PortTask(port, spool, Deaf(), counters, clock, HostTime(clock), 1.0)
        running = asyncio.create_task(task.run())
        try:
            await until(lambda: counters["prompts_ended"] == 1, within=30)
            await until(lambda: counters["records_spooled"] > 0, within=20)
        finally:
            running.cancel()
            await asyncio.wait({running})
            await spool.close(2.0)

    asyncio.run(scenario())
