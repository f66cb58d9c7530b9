"""One backend and one dispenser that it knows."""

import pytest

from tests.sim.backend.bench import Backend
from tests.sim.backend.dispenser import Dispenser


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
