"""Stories as their user plays them: the command, its report, its folder, and Ctrl-C."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sim.scenarios import SCENARIOS
from sim.verify import verify
from tests.support.processes import until, using

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
SMOKE = {name for name, scenario in SCENARIOS.items() if "smoke" in scenario.tags}


def dosewire(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tools.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for runs; the flashed image is made in it once."""
    return tmp_path_factory.mktemp("runs")


def gateways(runs: Path) -> list[int]:
    """Return the pids of gateways that run now."""
    configs = runs.glob("*-scenarios*/*/gateway.toml")
    return [int(pid) for config in configs for pid in using(config)]


LONG = ("three-weeks-without-uplink", "backend-restored-from-last-week")


def begun(runs: Path, *stories: str) -> "subprocess.Popen[str]":
    """Return `sim run` of long stories, once all their parts run."""
    command = [sys.executable, "-m", "tools.main", "sim", "run", *stories, "--jobs", "2"]
    process = subprocess.Popen(
        [*command, "--runs", str(runs)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    until(lambda: process.poll() is not None or len(gateways(runs)) >= len(stories))
    return process


def test_the_quick_stories_are_good_and_another_process_confirms_it(
    runs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = dosewire("sim", "run", "--smoke", "--report", out, "--runs", runs)
    assert done.returncode == 0, done.stdout + done.stderr
    suite = ElementTree.parse(out / "junit.xml").getroot()
    cases = suite.findall("testcase")
    assert {case.get("name") for case in cases} == SMOKE
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "0")
    assert suite.findall(".//failure") == []
    (batch,) = runs.glob("*-scenarios")
    assert {path.name for path in batch.iterdir()} == SMOKE
    assert {path.name: verify(path)[1] for path in batch.iterdir()} == {name: [] for name in SMOKE}
    answers = verify(batch / "changed-mind")[0].answers
    assert answers == {"beep": 3, "noted": 3, "delivered": 1}, "what the panel said was judged"
    confirmed = dosewire("sim", "verify", batch / "broker-away")
    assert confirmed.returncode == 0, confirmed.stdout
    assert "report: confirmed" in confirmed.stdout
    assert using(runs) == []


@pytest.mark.parametrize(
    "stories", [LONG, pytest.param(LONG[:1], marks=pytest.mark.soak)], ids=["two", "one"]
)
def test_ctrl_c_ends_stories_and_all_they_started(runs: Path, stories: tuple[str, ...]) -> None:
    process = begun(runs, *stories)
    # gateway, backend, broker, board of each, and the command itself
    assert len(using(runs)) >= 4 * len(stories) + 1
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; everything is stopped" in said
    assert using(runs) == []


def test_a_part_that_dies_by_itself_fails_the_story(runs: Path) -> None:
    process = begun(runs, LONG[0])
    for pid in gateways(runs):
        os.kill(pid, signal.SIGKILL)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "gateway ended with -9" in said
    assert "replay: dosewire sim run three-weeks-without-uplink --seed 1" in said
    assert using(runs) == []
