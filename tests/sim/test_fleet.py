"""Many dispensers on one gateway, in real time, a patient at each."""

import asyncio
import os

import pytest

from sim.fleet import fleet

pytest_plugins = ["sim.pytest_plugin"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SEED = int(os.environ.get("SEED", "4"))


@pytest.mark.parametrize(
    ("count", "seconds"), [(3, 4.0), pytest.param(100, 60.0, marks=pytest.mark.soak)]
)
def test_a_fleet_s_ledger_and_store_agree(flashed, tmp_path, monkeypatch, count, seconds):
    print("SEED", SEED)
    monkeypatch.setattr("sim.fleet._IDLE_S", 1.0)
    lived = asyncio.run(fleet(tmp_path / "run", SEED, count, seconds, flashed, print))
    assert lived.report.differences == []
    assert lived.report.agree and lived.report.chain == "verified"
    assert lived.report.records_expected > 0
    assert lived.report.records_stored >= count + lived.report.records_expected
    # in hundredths of a second: a few boards at rest may take none
    most = os.cpu_count() or 1
    assert 0 <= lived.idle_cores <= most and 0 <= lived.cores <= most
