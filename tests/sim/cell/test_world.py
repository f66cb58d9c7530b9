"""A world behind a cell, in virtual time: the real firmware's panel while nothing passes."""

import asyncio
from pathlib import Path

import pytest

from sim import factory
from sim.board.events import OutputEvent
from sim.clock import VirtualClock
from sim.faults import FAULTS, FaultError, make, of_cell
from sim.paced.page import FIELD
from sim.pytest_plugin import Bench
from sim.report import compute
from sim.scenario import Scenario
from sim.world import World

pytest_plugins = ["sim.pytest_plugin"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
START_NS = 1_788_739_200 * 10**9
STATUS = 7


class Light:
    """The status light as it was seen: colour, since when, how long; times in s."""

    def __init__(self) -> None:
        self.glows: list[tuple[str, float, float]] = []
        self._now: tuple[str, float] | None = None

    def take(self, event: OutputEvent) -> None:
        if event.kind != "pixels":
            return
        green, red, blue = event.data[3 * STATUS : 3 * STATUS + 3]
        lit = (bool(green), bool(red), bool(blue))
        colour = {(1, 1, 1): "white", (1, 0, 0): "green", (1, 1, 0): "amber"}.get(lit, "")
        at = (event.time_ns - START_NS) / 1e9
        if self._now is not None and self._now[0] != colour:
            self.glows.append((self._now[0], self._now[1], at - self._now[1]))
            self._now = None
        if colour and self._now is None:
            self._now = (colour, at)

    def since(self, begin: float, colour: str, least: float = 0.0) -> list[float]:
        """Return when it glowed so, at least so long."""
        found = [g for g in self.glows if g[0] == colour and g[2] >= least]
        return [at for _, at, _ in found if at >= begin]


def test_a_press_in_an_outage_is_noted_and_delivered_by_itself_after_it(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # minutes matter here: nothing is looked at more seldom than in the field
    monkeypatch.setenv(FIELD, "1")

    async def scenario() -> None:
        image = await factory.flashed(tmp_path_factory.getbasetemp().parent / "factory")
        clock, light = VirtualClock(START_NS), Light()
        world = World(
            tmp_path / "run", 3, ["d1"], clock=clock, image=image, cell=True, panels={"d1": light}
        )
        try:
            await world.begin()
            await world.gateway.start()
            await clock.advance(90)
            fault = make("cell_outage")
            await fault.break_it(world)
            struck = (clock.now_ns - START_NS) / 1e9
            await clock.advance(20)
            pressed = (clock.now_ns - START_NS) / 1e9
            for active in (True, False):
                world.dispensers["d1"].touch("button4", active)
                await clock.advance(0.4)
            await clock.advance(570)
            assert len(light.since(pressed, "white")) == 2, "noted: two flashes"
            assert light.since(pressed, "amber") == [], "ten minutes are not over"
            await clock.advance(300)
            # a short flash and a long glow: the base is to be put near a window
            assert light.since(pressed, "amber", 1.4), "no connection for ten minutes"
            asked = light.since(pressed, "amber")[0] - struck
            assert 600 <= asked <= 800, asked
            assert light.since(pressed, "green", 1.4) == [], "nothing is said to be delivered"
            over = (clock.now_ns - START_NS) / 1e9
            await fault.heal(world)
            for _ in range(15):  # tries are spread over some minutes by now
                await clock.advance(60)
                if light.since(over, "green", 1.4):
                    break
            (delivered,) = light.since(over, "green", 1.4)
            print(
                f"delivered {delivered - over:.1f} s after the outage, window from {asked:.0f} s"
            )
            await clock.advance(60)
            assert light.since(delivered + 20, "amber") == [], "the connection is back"
            world.check()
            assert world.cell is not None and world.cell.meter.total > 0
            await clock.advance(600)
            await world.finish()
        finally:
            await world.close()

    asyncio.run(scenario())
    report = compute(tmp_path / "run")
    assert report.differences == [] and report.agree


@pytest.mark.soak
def test_a_modem_that_is_refused_for_an_hour_costs_nothing_but_time(
    flashed: bytes, tmp_path: Path
) -> None:
    bench = Bench(tmp_path / "run", flashed, Scenario("refused", "", 0.0, modem=True))
    try:
        bench.play("""
            day 1 00:05  fault modem_denied for 1 h
            day 1 00:10  open; take 1; close; press 4
        """)
        kinds = [record.kind for record in bench.records()]
    finally:
        wrong = bench.end()
    assert wrong == []
    assert kinds.count("dose") == kinds.count("response") == 1


def test_a_fault_of_the_cell_needs_a_cell(tmp_path: Path) -> None:
    async def scenario() -> None:
        world = World(tmp_path / "run", 3, ["d1"], clock=VirtualClock(START_NS))
        try:
            with pytest.raises(FaultError, match="no cell"):
                await make("cell_outage").break_it(world)
        finally:
            await world.close()

    asyncio.run(scenario())
    assert not of_cell(["broker_down", "no such"])
    assert {name for name in FAULTS if of_cell([name])} == {
        f"cell_{kind}"
        for kind in (
            "outage", "link_down", "stall", "lossy", "slow", "nat_forgets", "address_change",
            "names_fail",
        )
    }  # fmt: skip
