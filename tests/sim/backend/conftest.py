"""One backend and one dispenser that it knows."""

import pytest

from sim.certificates import make_pki
from tests.sim.backend.bench import Backend
from tests.sim.backend.dispenser import Dispenser
from tests.sim.backend.processes import World
from tests.sim.mqtt import running_broker


@pytest.fixture
def dispenser():
    born = Dispenser()
    born.born()
    return born


@pytest.fixture
def other():
    born = Dispenser(id="ffeeddccbbaa9988", epoch=0x77, secret=bytes(range(32, 64)))
    born.born()
    return born


@pytest.fixture
def backend(tmp_path, dispenser, other):
    made = Backend(tmp_path, [dispenser, other])
    yield made
    made.store.close()


@pytest.fixture
def world(tmp_path, dispenser):
    pki = make_pki(tmp_path / "pki", ["gw-1"])
    with running_broker(tmp_path, pki) as (broker, loop):
        made = World(tmp_path, pki, broker, loop, dispenser)
        made.process.start()
        try:
            made.await_backend()
            yield made
        finally:
            made.process.close()
            made.gateway.close()
