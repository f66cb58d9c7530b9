"""Every fault of modem and cell, played in a world in virtual time; ledger and laws at its end."""

from pathlib import Path

import pytest

from sim.faults.cellular import CELLULAR
from sim.faults.modem import MODEM
from sim.pytest_plugin import Bench
from sim.scenario import Scenario

pytest_plugins = ["sim.pytest_plugin"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
# names fail at IP level only: tests/sim/cell/test_ways.py
NAMES = [fault.name for fault in (*MODEM, *CELLULAR) if fault.name != "cell_names_fail"]


def log_of(bench: Bench) -> list[str]:
    return (bench.folder / "logs" / "gateway.log").read_text().splitlines()


def test_a_modem_to_which_nothing_happens_is_looked_at_and_left_alone(
    flashed: bytes, tmp_path: Path
) -> None:
    bench = Bench(tmp_path / "run", flashed, Scenario("well", "", 0.0, modem=True))
    try:
        bench.play("day 1 00:05  open; take 1; close")
        bench.advance(1800)
        told = [line.split(" ", 2)[2] for line in log_of(bench)]
    finally:
        wrong = bench.end()
    assert wrong == []
    # its first session, and no answer that came late or never
    assert [line for line in told if "recovery" in line] == ["WARNING recovery: CONTEXT"]
    assert told[-1] == "INFO modem: works"


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_what_happened_meanwhile_arrives(name: str, flashed: bytes, tmp_path: Path) -> None:
    modem = name.startswith("modem")
    scenario = Scenario(name, "", 0.0, modem=modem, cell=not modem)
    bench = Bench(tmp_path / "run", flashed, scenario)
    try:
        bench.play(f"""
            day 1 00:05  open; take 1; close
            day 1 00:08  fault {name} for 40 min
            day 1 00:10  open; take 2; close; press 4
            day 1 00:30  press 1
            day 1 00:55  open; take 3; close
        """)
        kinds = [record.kind for record in bench.records()]
        recovered = [line.rpartition(" ")[2] for line in log_of(bench) if "recovery: " in line]
    finally:
        wrong = bench.end()
    print(f"{name}: {', '.join(recovered)}")
    assert wrong == []
    assert (kinds.count("dose"), kinds.count("response")) == (3, 2)
