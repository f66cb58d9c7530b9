"""Figures as a table in a docs page, between two marks; all else on the page stays."""

from collections.abc import Iterable
from pathlib import Path

from tests.bench.figures import Figure
from tests.support.micropython import ROOT

BEGIN = "<!-- figures: made by `make bench BENCH={name}` -->"
END = "<!-- end of figures -->"
PAGES = {
    "console": ROOT / "docs" / "console.md",
    "firmware": ROOT / "docs" / "firmware.md",
    "gateway": ROOT / "docs" / "gateway.md",
    "sim": ROOT / "docs" / "simulator.md",
}
"""Benches whose figures stand on a page."""


def lines(figures: Iterable[Figure]) -> str:
    """Return the table."""
    rows = ["| figure | measured | goal |", "|---|---|---|"]
    for figure in figures:
        value = f"{figure.value:,.0f}" if figure.value >= 100 else f"{figure.value:.3g}"
        rows.append(f"| {figure.name} | {value} {figure.unit}".rstrip() + f" | {figure.goal} |")
    return "\n".join(rows)


def write(name: str, page: Path, figures: Iterable[Figure]) -> None:
    """Put the figures of a bench on its page. Raises ValueError if the page has no such marks."""
    text = page.read_text(encoding="utf-8")
    begin = BEGIN.format(name=name)
    start, end = text.index(begin) + len(begin), text.index(END)
    table = lines(figures)
    page.write_text(f"{text[:start]}\n{table}\n{text[end:]}", encoding="utf-8")
