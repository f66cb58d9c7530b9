"""What techs do in a world: the words of a diary, and their stories whole."""

import asyncio
from pathlib import Path

import pytest

from sim import factory, techs
from sim.actions import Action, diary
from sim.clock import VirtualClock
from sim.scenario import Outcome
from sim.scenarios.techs import SCENARIOS
from sim.stage import play
from sim.throttle import as_the_host
from sim.verify import verify
from sim.world import World


def test_a_diary_names_a_tech_and_a_dispenser():
    assert diary("day 1 00:10  tech reissue d1") == [
        Action(600, "", ("tech", "reissue", "d1")),
    ]


def test_what_nobody_does_is_told():
    with pytest.raises(techs.TechError, match="reissue, seen, update"):
        asyncio.run(techs.do("juggle", None, "d1"))


def test_who_checks_a_kit_must_see_its_panel(tmp_path):
    async def story():
        world = World(tmp_path / "world", 1, ("d1",), clock=VirtualClock())
        try:
            with pytest.raises(techs.TechError, match="nobody looks at the panel of d1"):
                await techs.do("check", world, "d1")
        finally:
            await world.close()

    asyncio.run(story())


def test_tools_have_the_hosts_time_in_virtual_time():
    async def passed(seconds):
        clock, loop = VirtualClock(), asyncio.get_running_loop()
        began = loop.time()
        with as_the_host(clock):
            await clock.advance(seconds)
        return loop.time() - began

    assert asyncio.run(passed(0.3)) >= 0.28


def test_afterwards_time_is_as_quick_as_ever():
    async def days():
        clock, loop = VirtualClock(), asyncio.get_running_loop()
        with as_the_host(clock):
            await clock.advance(0.01)
        began = loop.time()
        await clock.advance(86_400)
        return loop.time() - began

    assert asyncio.run(days()) < 20


@pytest.mark.soak
@pytest.mark.timeout(400)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_a_story_of_techs_ends_well(scenario, tmp_path: Path):
    async def whole():
        image = await factory.flashed(tmp_path / "factory")
        return await play(scenario, tmp_path / "run", scenario.seed, image)

    report = asyncio.run(whole())
    assert report.agree, report.differences
    outcome = Outcome(tmp_path / "run", report, scenario.start_ns)
    assert [told for expect in scenario.expect if (told := expect(outcome))] == []
    assert verify(tmp_path / "run")[1] == []
