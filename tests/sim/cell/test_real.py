"""The whole chain over modem and cell in real time, at IP level where this process may make it.

60 ± 20 ms, 2 % loss, a stall, an outage, a context that is taken away: the firmware on an
emulated board, the gateway's own process behind the cell, and ledger and store agree.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from sim import factory
from sim.actions import Action
from sim.cell.causes import Cause
from sim.cell.cell import rough
from sim.clock import RealClock
from sim.faults import make
from sim.hands import Hands
from sim.panel import DELIVERED, Panel
from sim.report import Report, compute
from sim.stage import Stage
from sim.world import World

pytestmark = [pytest.mark.soak, pytest.mark.slow, pytest.mark.timeout(1800)]
SEED = 11


class Evening:
    """One world, its panel, and a patient's hands."""

    def __init__(self, folder: Path, image: bytes) -> None:
        self.panel = Panel()
        self.clock = RealClock()
        self.world = World(
            folder, SEED, ["d1"], clock=self.clock, image=image, modem=True,
            panels={"d1": self.panel},
        )  # fmt: skip
        self.stage = Stage(self.world, SEED)

    async def do(self, *deeds: str) -> None:
        hands = Hands(self.world.dispensers["d1"], self.clock)
        for deed in deeds:
            await hands.do(Action(0.0, "d1", tuple(deed.split())))

    async def until(self, condition: Callable[[], bool], within: float) -> None:
        await self.clock.run_until(condition, within)
        self.world.check()

    async def through(self, fault: str, seconds: float, *deeds: str) -> None:
        """Do something while it is broken; it arrives by itself afterwards."""
        broken = make(fault)
        await broken.break_it(self.world)
        self.panel.answers.clear()
        await self.do(*deeds)
        assert [word for _, word in self.panel.answers][-1] == "noted"
        await self.clock.sleep(seconds)
        assert DELIVERED not in [word for _, word in self.panel.answers]
        await broken.heal(self.world)
        await self.until(lambda: self.panel.says == DELIVERED, 600)


@pytest.mark.parametrize("outage_s", [90.0, 600.0])
def test_an_evening_behind_a_rough_cell(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    record_property: Callable[[str, object], None],
    outage_s: float,
) -> None:
    async def scenario() -> str:
        image = await factory.flashed(tmp_path_factory.getbasetemp().parent / "factory")
        evening = Evening(tmp_path / "run", image)
        world = evening.world
        try:
            await evening.stage.begin()
            assert world.cell is not None and world.modem is not None
            rough(world.cell)
            await evening.do("press 4")
            await evening.until(lambda: evening.panel.says == DELIVERED, 300)
            await evening.do("open", "take 1", "close")
            await evening.through("cell_stall", 15, "press 3")
            await evening.through("cell_outage", outage_s, "open", "take 2", "close", "press 4")
            world.modem.modem.drop_context()
            await evening.do("open", "take 3", "close", "press 1")
            await evening.stage.end()
            return world.cell.meter.table()
        finally:
            await world.close()

    table = asyncio.run(scenario())
    record_property("meter", (f"an evening with an outage of {outage_s:g} s", table))
    assert Cause.HANDSHAKE.value in table
    report: Report = compute(tmp_path / "run")
    assert report.differences == [] and report.agree
    assert report.lost == report.duplicated == 0
