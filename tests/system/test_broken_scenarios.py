"""The simulator is tested: a law broken in a copy of the tree is caught by a named scenario."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.system.test_broken_laws import BREAKS, ROOMS, ROOT, Break

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
_LAWS = {law.law: law for law in BREAKS}


def _law(name: str, scenario: str) -> Break:
    law = _LAWS[name]
    return Break(law.law, law.file, law.good, law.bad, scenario)


BROKEN = [
    _law("refused is passed at first sight", "record-forged-in-the-spool"),
    _law("ACK before COMMIT", "lost-right-after-ack"),
    _law("prune at PUBACK", "all-lost-after-puback"),
    Break(
        "an unprompted response is given a question",
        "firmware/dispenser/prompts.py",
        "self._emit(wire.RESPONSE, (button, question, prompt, corrects), tick)",
        "self._emit(wire.RESPONSE, (button, question or 1, prompt, corrects), tick)",
        "changed-mind",
    ),
    Break(
        "BOOT records without bound",
        "firmware/dispenser/app.py",
        "if self._journal.damaged() or self._clock.uptime()[0] >= _ANNOUNCE_S:",
        "if True:",
        "brown-out-night",
    ),
    Break(
        "records dropped when the disk is full",
        "gateway/spool.py",
        "            if not await self._make_room():\n                raise\n",
        "            if not await self._make_room():\n                return []\n",
        "disk-full-and-then-lost",
    ),
    Break(
        "seq reused after a power cut",
        "firmware/dispenser/journal.py",
        "        self.next = reach + 1\n",
        "        self.next = reach\n",
        "cut-with-the-lid-open",
    ),
    Break(
        "confirmed beyond what is stored",
        "sim/backend/writes.py",
        "            following = watermark.next_of(ranges)\n",
        "            following = watermark.next_of(ranges) + 1\n",
        "changed-mind",
    ),
    Break(
        "boots that wrote nothing are not counted",
        "firmware/dispenser/app.py",
        "            self._rtc.keep(min(skipped + 1, 65535))\n",
        "            self._rtc.keep(0)\n",
        "brown-out-night",
    ),
    Break(
        "more heartbeats than four a day",
        "firmware/dispenser/health.py",
        "_BEAT_S = const(21600)",
        "_BEAT_S = const(3600)",
        "rtc-drifts",
    ),
    Break(
        "a time that nothing set",
        "firmware/dispenser/clock.py",
        "        self.quality = quality\n\n    def sync",
        "        self.quality = wire.QUALITY_SYNCED\n\n    def sync",
        "rtc-missing",
    ),
    Break(
        "placed by when the clock was set",
        "sim/backend/placement.py",
        "    elapsed = _ms(after.uptime, after.uptime_ms) - _ms(record.time, record.ms)\n",
        "    elapsed = 0\n",
        "cell-empty-over-the-time-change",
    ),
    Break(
        "delivered is told of what nobody has",
        "firmware/dispenser/patient.py",
        "            self._delivery.answered(self._records.next() - 1)\n",
        "            self._panel.delivered()\n",
        "changed-mind",
    ),
    Break(
        "noted before it is on flash",
        "firmware/dispenser/patient.py",
        "        self._panel.pressed()\n",
        "        self._panel.noted()\n",
        "cut-inside-a-write",
    ),
]


CAUGHT_BY = {
    "refused is passed at first sight": "refused",
    "ACK before COMMIT": "stored, not in the spool",
    "prune at PUBACK": "stored, not in the spool",
    "an unprompted response is given a question": "wrong",
    "BOOT records without bound": "boot",
    "records dropped when the disk is full": "incomplete",
    "seq reused after a power cut": "gap_malformed",
    "confirmed beyond what is stored": "confirmed, not stored",
    "boots that wrote nothing are not counted": "boots of",
    "more heartbeats than four a day": "times six hours",
    "a time that nothing set": "says synced before anything set",
    "placed by when the clock was set": "misplaced",
    "delivered is told of what nobody has": "delivered told at",
    "noted before it is on flash": "beep told at",
}
"""The difference that is the law's own: not that a run hangs, or anything else that came of it."""
IN_CI = (
    "ACK before COMMIT",
    "prune at PUBACK",
    "an unprompted response is given a question",
)
"""The quickest; their scenarios are also played as they are there."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree."""
    copy = tmp_path_factory.mktemp("tree")
    for room in ROOMS:
        source = ROOT / room
        if source.is_dir():
            shutil.copytree(source, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / room)
    return copy


def _run(tree: Path, scenarios: Iterable[str], out: Path) -> "subprocess.CompletedProcess[str]":
    return _sim(tree, "run", *scenarios, "--runs", str(tree / "runs"), "--report", str(out))


def _sim(tree: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tools.main", "sim", *words],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
    )


@pytest.mark.soak
def test_each_scenario_is_good_while_the_laws_hold(tree: Path, tmp_path: Path) -> None:
    whole = _run(tree, sorted({broken.test for broken in BROKEN}), tmp_path)
    assert whole.returncode == 0, whole.stdout + whole.stderr


def _param(broken: Break) -> object:
    marks = () if broken.law in IN_CI else pytest.mark.soak
    return pytest.param(broken, id=broken.law, marks=marks)


@pytest.mark.parametrize("broken", [_param(broken) for broken in BROKEN])
def test_a_broken_law_is_caught_by_its_scenario(broken: Break, tree: Path, tmp_path: Path) -> None:
    file = tree / broken.file
    text = file.read_text()
    assert text.count(broken.good) == 1, "the patch does not apply any more: mend this list"
    file.write_text(text.replace(broken.good, broken.bad))
    try:
        caught = _run(tree, [broken.test], tmp_path)
        assert caught.returncode == 1, caught.stdout + caught.stderr
        (result,) = json.loads((tmp_path / "results.json").read_text())
        again = _sim(tree, "verify", result["run"])
    finally:
        file.write_text(text)
    print(broken.law, "->", result["wrong"][:3])
    assert any(CAUGHT_BY[broken.law] in line for line in result["wrong"])
    assert f"dosewire sim run {broken.test} --seed" in caught.stdout
    assert "<failure" in (tmp_path / "junit.xml").read_text()
    assert again.returncode == 1
    assert "report: confirmed" in again.stdout, "the files say what the report says"
