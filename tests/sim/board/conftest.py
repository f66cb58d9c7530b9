"""Scenarios run with one board that is left switched off, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sim.board.bench import Bench

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
