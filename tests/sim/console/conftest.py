"""What the tests of the console share: where the image of a flashed dispenser is kept."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the fixtures of `sim.pytest_plugin`: one for all workers, made by who comes first."""
    return tmp_path_factory.getbasetemp().parent / "dosewire-factory"
