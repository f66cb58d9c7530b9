"""Certificates for the chain; prints what the byte meter counted, behind the run."""

from typing import Any

import pytest

from sim.certificates import Pki, make_pki
from tests.support.gateway import GATEWAY


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Certificates, made once."""
    return make_pki(tmp_path_factory.mktemp("pki"), [GATEWAY])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    told = [
        value
        for report in terminalreporter.stats.get("passed", [])
        for name, value in getattr(report, "user_properties", ())
        if name == "meter" and report.when == "call"
    ]
    for title, table in told:
        terminalreporter.section(f"byte meter: {title}")
        terminalreporter.write_line(table)
