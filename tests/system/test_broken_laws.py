"""The tests are tested: each law is broken by a small patch in a copy of the tree, and a named
test must notice. A patch that does not apply any more fails here, so that the list stays true.
"""

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("protocol", "gateway", "hardware", "sim", "tools", "firmware", "tests", "pyproject.toml")


@dataclasses.dataclass(frozen=True)
class Break:
    """A law, the patch that breaks it, and the test that must fail then."""

    law: str
    file: str
    good: str
    bad: str
    test: str


_DAMAGE = "tests/firmware/test_journal_damage.py::"
_CUTS = "tests/firmware/test_journal_cuts.py::"
_BACKEND = "tests/sim/backend/"

BREAKS = [
    Break(
        "ACK before COMMIT",
        "gateway/dispensers.py",
        "added = await self._spool.append(last.dispenser, last.epoch, links, last.following)",
        "asyncio.ensure_future(\n"
        "                self._spool.append(last.dispenser, last.epoch, links, last.following))\n"
        "            added = [link.seq for link in links]",
        "tests/gateway/test_port.py::test_ack_only_after_commit",
    ),
    Break(
        "prune at PUBACK",
        "gateway/publisher.py",
        "            if self._out.acked(token, code):\n",
        "            await self._spool._database.run(\n"
        '                lambda db: db.execute("DELETE FROM records"))\n'
        "            if self._out.acked(token, code):\n",
        "tests/gateway/test_process.py::test_nothing_pruned_at_puback",
    ),
    Break(
        "seq reused after a cut",
        "firmware/dispenser/journal.py",
        "self.next = reach + 1",
        "self.next = last + 1",
        _DAMAGE + "test_no_seq_is_reused_and_the_loss_is_told",
    ),
    Break(
        "acknowledged before it is on flash",
        "firmware/dispenser/journal.py",
        '        self._write(_TAIL, "wb", memoryview(self._tail)[:end])\n',
        "        if seq % 8:\n"
        '            self._write(_TAIL, "wb", memoryview(self._tail)[:end])\n',
        _CUTS + "test_acknowledged_records_are_held[some]",
    ),
    Break(
        "verification skipped",
        "sim/backend/verify.py",
        "good[i] = verifies(keys, before[i], raw)",
        "good[i] = True",
        _BACKEND + "test_refused.py::test_a_relabelled_epoch_does_not_verify",
    ),
    Break(
        "WATERMARK before the store is durable",
        "sim/backend/database.py",
        'execute("PRAGMA synchronous=FULL")',
        'execute("PRAGMA synchronous=NORMAL")',
        _BACKEND
        + "test_process.py::test_nothing_goes_out_between_a_write_to_the_store_and_its_flush",
    ),
    Break(
        "refused is passed at first sight",
        "sim/backend/batch.py",
        "self._writer.refuse(claim, wanted=reason in _WORTH_ANOTHER_READ)",
        "self._writer.give_up(claim)",
        _BACKEND + "test_refused.py::test_an_altered_record_is_refused_named_and_the_rest_goes_on",
    ),
    Break(
        "a fork overwrites",
        "sim/backend/batch.py",
        "elif held is not None and self._writer.fork(held, claim):",
        "elif held is None and self._writer.fork(held, claim):",
        _BACKEND + "test_chain.py::test_a_fork_sets_both_aside_and_the_watermark_passes",
    ),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree in which all the named tests pass."""
    copy = tmp_path_factory.mktemp("tree")
    for room in ROOMS:
        source = ROOT / room
        if source.is_dir():
            shutil.copytree(source, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / room)
    result = _pytest(copy, *(b.test for b in BREAKS))
    assert result.returncode == 0, result.stdout
    return copy


def _pytest(tree: Path, *tests: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "DOSEWIRE_PATIENCE": "20"},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("broken", BREAKS, ids=lambda b: b.law)
def test_a_broken_law_is_noticed(broken: Break, tree: Path) -> None:
    file = tree / broken.file
    whole = file.read_text()
    assert whole.count(broken.good) == 1, "the patch does not apply any more: mend this list"
    patched = whole.replace(broken.good, broken.bad)
    compile(patched, broken.file, "exec")
    file.write_text(patched)
    try:
        result = _pytest(tree, broken.test)
    finally:
        file.write_text(whole)
    assert result.returncode == 1, result.stdout
    assert f"FAILED {broken.test}" in result.stdout, result.stdout
