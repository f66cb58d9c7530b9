"""Tables of docs/evidence.md as lists of rows."""

import itertools
from pathlib import Path

PAGE = (Path(__file__).parents[4] / "docs" / "evidence.md").read_text()


def table(*columns: str) -> list[dict[str, str]]:
    """The rows of the one table whose header begins with these columns."""
    lines = PAGE.splitlines()
    heads = [n for n, line in enumerate(lines) if _cells(line)[: len(columns)] == list(columns)]
    assert len(heads) == 1, f"{len(heads)} tables begin with {columns}"
    head = _cells(lines[heads[0]])
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines[heads[0] + 2 :])
    found = [dict(zip(head, _cells(row), strict=True)) for row in rows]
    assert found
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
