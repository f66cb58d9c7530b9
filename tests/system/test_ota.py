"""A release over the air, end to end: built, queued, fetched in pieces, tried, confirmed, told."""

import asyncio

import pytest

from sim import factory
from sim.hello import ask
from tests.system.ota import NEW, TOLD, Ota

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The flash of a dispenser that a tech has flashed with what the sources are."""
    return asyncio.run(factory.flashed(tmp_path_factory.mktemp("factory")))


@pytest.mark.soak
def test_a_release_is_installed_and_confirmed_over_a_killed_gateway(tmp_path, image) -> None:
    """Killed in the middle of the transfer to the dispenser; what it has is not sent again."""

    async def story() -> None:
        ota = Ota(tmp_path, image)
        gateway = ota.world.gateway
        try:
            await ota.begin()
            bundle = await ota.built(NEW)
            sent = await ota.send(bundle)
            assert sent["state"] in ("queued", "signed", "sent")
            log = ota.world.logs / "gateway.log"
            await ota.until(lambda: b"release 0.2.0 is here" in log.read_bytes())
            before = ota.dispenser.board.operations
            await ota.until(lambda: ota.dispenser.board.operations > before + 40)
            assert ota.told() == []
            await gateway.kill()
            await ota.until(lambda: ota.asked() > 1)
            pieces = ota.asked()
            await gateway.start()
            await ota.until(lambda: ota.command()[0] == "applied")
            assert ota.told() == TOLD
            assert ota.asked() == pieces, "the gateway kept what it had fetched"
            await gateway.stop()
            hello = await ask(ota.dispenser.board.port, 20)
            assert (hello.major, hello.minor, hello.patch) == NEW
            (answer,) = ota.query("SELECT kind, counter FROM answers")
            assert answer == ("release", 1)
            ota.dispenser.follow()
        finally:
            await ota.world.close()

    asyncio.run(story())
