"""The fixtures as an engineer uses them; the example of docs/simulator.md is among them."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "simulator.md"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def _example():
    text = PAGE.read_text()
    return text.split("```python\n")[1].split("```")[0]


def test_the_example_passes_and_a_broken_law_fails_a_test_that_asks_for_nothing(pytester):
    assert len([line for line in _example().splitlines() if line.strip()]) <= 10
    broken = """

import sqlite3

def test_nothing_looked_at(world):
    world.play("day 1 00:01  press 2")
    with sqlite3.connect(world.folder / "store.db") as db:
        db.execute("DELETE FROM records WHERE type = 0x24")
"""
    pytester.makepyfile(_example() + broken)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*lost*RESPONSE*", "*ERROR*test_nothing_looked_at*"])
    assert list(pytester.path.parent.rglob("timeline.html"))
