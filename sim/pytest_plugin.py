"""pytest fixtures of a running world in virtual time: `-p sim.pytest_plugin`, or in a conftest.

    def test_a_dose_arrives(world):
        world.play("day 1 00:01  open; take 2; close")
        assert [r.kind for r in world.records()][-3:] == ["dose", "dose_end", "lid_closed"]

`world` has one dispenser and one gateway unless marked, as in
`@pytest.mark.world(dispensers=("d1", "d2"), begins="2026-10-24")`. When the test is over, the laws
and the ledger are checked whatever it did: a broken one fails the test.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sim import factory, stored, timeline
from sim.actions import diary
from sim.child import Child
from sim.clock import VirtualClock
from sim.dispenser import Dispenser
from sim.ending import end_on_mishap
from sim.report import STORE, compute
from sim.scenario import Scenario
from sim.stage import Stage
from sim.stored import Stored
from sim.world import World

T = TypeVar("T")


class Bench:
    """A world for a test: synchronous, time runs only in its methods."""

    def __init__(self, folder: Path, image: bytes, scenario: Scenario) -> None:
        self.folder = folder
        self._runner = asyncio.Runner()
        self._scenario = scenario
        self.world, self._stage = self.run(self._begin(image))

    async def _begin(self, image: bytes) -> tuple[World, Stage]:
        made = self._scenario
        clock = VirtualClock(made.start_ns)
        world = World(
            self.folder, made.seed, made.dispensers, gateways=made.gateways, clock=clock,
            image=image, cell=made.cell, modem=made.modem,
        )  # fmt: skip
        stage = Stage(world, made.seed)
        await stage.begin()
        return world, stage

    def run(self, work: "Awaitable[T]") -> T:
        """Do anything on the world's loop."""

        async def do() -> T:
            with end_on_mishap():
                return await work

        return self._runner.run(do())

    def play(self, text: str) -> None:
        """Play lines of a diary (see `sim.actions`) and let everything arrive."""
        actions = diary(text, next(iter(self.world.dispensers)))
        self.run(self._stage.play(actions, 0.0))

    def advance(self, seconds: float) -> None:
        """Let time run."""
        self.run(self.world.clock.advance(seconds))

    def records(self, dispenser: str = "d1") -> list[Stored]:
        """Return what the backend holds of a dispenser, in the order of seq."""
        own = self.world.dispensers[dispenser].id
        return [r for r in stored.load(self.folder / STORE) if r.dispenser == own]

    def end(self) -> list[str]:
        """Heal and end everything; returns what laws and ledger find wrong."""
        try:
            self.run(self._stage.end())
        finally:
            self.run(self.world.close())
            self._runner.close()
        report = compute(self.folder)
        timeline.write(self.folder, report.differences)
        return report.differences


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "world(**fields): fields of the scenario `world` is made of"
    )


@pytest.fixture(scope="session")
def flashed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The image of a flashed dispenser, made once."""
    cache = tmp_path_factory.getbasetemp().parent / "dosewire-factory"
    return asyncio.run(factory.flashed(cache))


@pytest.fixture
def world(flashed: bytes, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A running world; laws and ledger are checked when the test is over."""
    marker = request.node.get_closest_marker("world")
    fields: dict[str, Any] = dict(marker.kwargs) if marker else {}
    bench = Bench(tmp_path / "run", flashed, Scenario(request.node.name, "", 0.0, **fields))
    yield bench
    wrong = bench.end()
    assert not wrong, "\n".join([*wrong, f"look at {bench.folder}/timeline.html"])


@pytest.fixture
def dispenser(world: Bench) -> Dispenser:
    """The world's first dispenser."""
    return next(iter(world.world.dispensers.values()))


@pytest.fixture
def gateway(world: Bench) -> Child:
    """The world's first gateway."""
    return world.world.gateway


@pytest.fixture
def backend(world: Bench) -> Child:
    """The world's backend."""
    return world.world.backend
