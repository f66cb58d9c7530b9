"""How fast a site of a thousand patients opens in a browser, and how long it is read at first."""

import datetime as dt
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sim.backend.pages.cohort import Plan, make
from tests.bench.figures import Figure
from tests.sim.backend.pages.serving import served
from tests.support.browser import browser

PATIENTS = 1000
OPENED = 7


def figures() -> Iterator[Figure]:
    """Measure with a cohort of thirty days."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
        make(folder, Plan(PATIENTS, 30, yesterday, seed=1), lambda done, of: None)
        start = time.perf_counter()
        with served(folder, within=900) as base, browser(1280, 800) as view:
            yield Figure("first reading of 1,000 patients", time.perf_counter() - start, "s")
            opened = []
            for _ in range(OPENED):
                start = time.perf_counter()
                view.page.goto(f"{base}/site/north")
                view.page.locator(".row a").first.wait_for()
                opened.append(time.perf_counter() - start)
            name = "site of 1,000 patients, shown in the browser"
            yield Figure(f"{name}, median", statistics.median(opened) * 1e3, "ms", most=1000)
            yield Figure(f"{name}, worst of {OPENED}", max(opened) * 1e3, "ms")
