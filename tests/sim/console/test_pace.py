"""Time control: as the host's clock, sixty times that, and to what comes next."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sim import factory
from sim.clock import RealClock, VirtualClock
from sim.console.clinic import Clinic
from sim.console.pace import Pace
from sim.world import World
from tests.sim.console.consoles import consoles, ready, until
from tests.support.browser import browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
SEED = 5
WITHIN = 60


@pytest.fixture(scope="module")
def image(cache: Path) -> bytes:
    return asyncio.run(factory.flashed(cache))


@contextlib.asynccontextmanager
async def paced(folder: Path, image: bytes) -> AsyncIterator[tuple[World, Pace]]:
    world = World(folder, SEED, ("d1",), clock=VirtualClock(time.time_ns()), image=image)
    pace = Pace(world)
    task = None
    try:
        await world.begin()
        await world.gateway.start()
        task = asyncio.create_task(pace.run())
        await asyncio.sleep(0)
        yield world, pace
        assert not task.done()
    finally:
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await world.close()


async def wait(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not condition():
            await asyncio.sleep(0.005)


def test_time_passes_as_it_is_told(tmp_path: Path, image: bytes) -> None:
    async def story() -> None:
        async with paced(tmp_path / "world", image) as (world, pace):
            clock, board = world.clock, world.dispensers["d1"].board
            await wait(lambda: clock.monotonic_ns() > 5 * 10**9)
            real, before = time.monotonic_ns(), clock.now_ns
            await wait(lambda: clock.now_ns - before > 5 * 10**8)
            # never faster than the host's; how much slower hangs on the machine
            assert clock.now_ns - before <= time.monotonic_ns() - real + 10**8
            real, before = time.monotonic_ns(), clock.now_ns
            pace.choose(60)
            await wait(lambda: clock.now_ns - before > 90 * 10**9)
            assert clock.now_ns - before <= 60 * (time.monotonic_ns() - real) + 10**9
            pace.choose(1)
            written = board.operations
            world.dispensers["d1"].touch("button2", True)
            await wait(lambda: board.operations > written)
            world.dispensers["d1"].touch("button2", False)
            await programs_end_while_time_passes(world, pace)
            await the_clinics_pages_are_told(world, pace)

    asyncio.run(story())


async def programs_end_while_time_passes(world: World, pace: Pace) -> None:
    # a program that ends takes its time: nobody else must let time run meanwhile
    for rate in (1, 60):
        pace.choose(rate)
        await world.gateway.stop()
        await world.gateway.start()


async def the_clinics_pages_are_told(world: World, pace: Pace) -> None:
    clinic = Clinic(world)
    pace.choose(60)
    await wait(lambda: world.clock.now_ns - time.time_ns() > 120 * 10**9)
    clinic.follow()
    told = (world.folder / "clock").read_bytes()
    ahead = int.from_bytes(told, "little", signed=True)
    assert abs(ahead - (world.clock.now_ns - time.time_ns())) < 30 * 10**9


@pytest.mark.soak
def test_it_goes_to_what_comes_next_and_may_be_called_back(tmp_path: Path, image: bytes) -> None:
    async def story() -> None:
        async with paced(tmp_path / "world", image) as (world, pace):
            clock, board = world.clock, world.dispensers["d1"].board
            pace.choose(60)
            await wait(lambda: clock.monotonic_ns() > 120 * 10**9)
            before, written = clock.now_ns, board.operations
            pace.jump()
            await wait(lambda: pace.rate == 1)
            # nobody is there: the next record is a heartbeat, of which there are four a day
            assert board.operations > written
            assert 60 < (clock.now_ns - before) / 1e9 < 7 * 3600
            pace.jump()
            before = clock.now_ns
            await wait(lambda: clock.now_ns - before > 60 * 10**9)
            pace.choose(1)
            before = clock.now_ns
            await asyncio.sleep(0.5)
            assert pace.rate == 1 and clock.now_ns - before < 30 * 10**9

    asyncio.run(story())


def test_in_real_time_there_is_no_choice(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "world", SEED, ("d1",), clock=RealClock())
        try:
            pace = Pace(world)
            pace.choose(60)
            pace.jump()
            await asyncio.wait_for(pace.run(), WITHIN)
            assert pace.rate == 1 and not pace.chosen
        finally:
            await world.close()

    asyncio.run(story())


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_time_is_chosen_on_the_page_and_another_world_begun(tmp_path: Path) -> None:
    with consoles(tmp_path, "--dispensers", "1") as console, browser(1024, 768) as view:
        page = ready(view, console.address)
        first = console.run
        page.get_by_role("button", name="anew with time control").click()
        page.get_by_role("button", name="×60").click()
        assert not view.scrolls()
        until(lambda: console.run != first, "another world")
        page.get_by_label("who lives here").select_option(value="regular")
        doses = page.get_by_role("row").filter(has_text="dose compartment")
        slow = page.locator("button[aria-pressed=true]", has_text="real time")
        for _ in range(12):
            page.get_by_role("button", name="next event").click()
            slow.wait_for(timeout=180_000)
            if doses.count():
                break
        assert doses.count()
        view.picture("console-virtual")
        page.get_by_role("button", name="what the clinic sees").click()
        page.frame_locator("iframe").get_by_text("Heard today").wait_for()
        assert view.findings() == [] and view.errors == []
        page.get_by_role("button", name="end and check").click()
        page.locator(".run", has_text="all agree").wait_for(timeout=180_000)
        page.get_by_role("button", name="anew in real time").click()
        page.get_by_role("button", name="anew with time control").wait_for()
