"""Scenarios run with one board that is left switched off, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sim.clock import VirtualClock
from tests.sim.board.bench import Bench
from tests.sim.board.virtual import Scenario as VirtualScenario

Scenario = Callable[[Bench], Awaitable[None]]


@pytest.fixture
def on_bench(tmp_path: Path) -> Callable[..., None]:
    """Run a scenario with a board that is on (off with `off=True`) and leave nothing running."""

    def run(scenario: Scenario, *, off: bool = False, **options: Any) -> None:
        async def whole() -> None:
            bench = Bench(tmp_path, **options)
            try:
                if not off:
                    await bench.board.power_on()
                await scenario(bench)
            finally:
                await bench.board.close()

        asyncio.run(whole())

    return run


@pytest.fixture
def in_virtual_time(tmp_path: Path) -> Callable[..., None]:
    """Run a scenario with a board whose main.py is `main`; nothing is left running."""

    def run(
        scenario: VirtualScenario, main: str = "", *, folder: str = "board", **options: int
    ) -> None:
        async def whole() -> None:
            clock = VirtualClock()
            bench = Bench(tmp_path / folder, clock=clock, **options)
            try:
                if main:
                    bench.install(main=main)
                    await bench.board.power_on()
                await scenario(bench, clock)
            finally:
                await bench.board.close()

        asyncio.run(whole())

    return run
