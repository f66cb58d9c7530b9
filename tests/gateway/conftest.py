"""Fixtures of the gateway's tests."""

from pathlib import Path

import pytest

from sim.certificates import Pki, make_pki
from tests.support.gateway import GATEWAY


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Certificates, made once."""
    folder: Path = tmp_path_factory.mktemp("pki")
    return make_pki(folder, [GATEWAY])
