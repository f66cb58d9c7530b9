"""Measures what goals are set for: `make bench`, with CHECK=1 it fails where one is missed.

The figures of a bench that has a page (`tests/bench/table.py`) are written there.
"""

import os
import sys

from tests.bench import (
    backend,
    cellular,
    codec,
    console,
    firmware,
    gateway,
    pages,
    simulator,
    start,
    table,
    tools,
)
from tests.bench.figures import Bench

BENCHES: dict[str, Bench] = {
    "backend": backend.figures,
    "cellular": cellular.figures,
    "codec": codec.figures,
    "console": console.figures,
    "firmware": firmware.figures,
    "gateway": gateway.figures,
    "pages": pages.figures,
    "sim": simulator.figures,
    "start": start.figures,
    "tools": tools.figures,
}


def main(chosen: list[str]) -> int:
    """Run the chosen benches, all if none is named; 1 if a goal is missed and CHECK is set."""
    missed = 0
    for name in chosen or BENCHES:
        print(f"{name}")
        figures = []
        for figure in BENCHES[name]():
            figures.append(figure)
            verdict = "" if not figure.goal else "ok" if figure.met else "MISSED"
            print(
                f"  {figure.name:44} {figure.value:>12,.1f} {figure.unit:12}"
                f" {figure.goal:20} {verdict}",
                flush=True,
            )
            missed += not figure.met
        if name in table.PAGES:
            table.write(name, table.PAGES[name], figures)
    return 1 if missed and os.environ.get("CHECK") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
