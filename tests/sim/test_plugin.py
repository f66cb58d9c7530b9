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


def _run(pytester, code):
    pytester.makepyfile(code)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider")


def test_the_example_of_the_page_passes(pytester):
    assert len([line for line in _example().splitlines() if line.strip()]) <= 10
    _run(pytester, _example()).assert_outcomes(passed=1)


def test_a_broken_law_fails_a_test_that_asks_for_nothing(pytester):
    code = (
        _example().split("def ")[0]
        + """
import sqlite3

def test_nothing_looked_at(world):
    world.play("day 1 00:01  press 2")
    with sqlite3.connect(world.folder / "store.db") as db:
        db.execute("DELETE FROM records WHERE type = 0x24")
"""
    )
    result = _run(pytester, code)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*lost*RESPONSE*"])
    assert list(pytester.path.parent.rglob("timeline.html"))
