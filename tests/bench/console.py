"""How soon a click in the console is seen by the firmware, and its record by the store; what a
hundred dispensers cost.

Clicks are timed in the browser, lights by the board, records by the store's commit: all three by
this machine's clock.
"""

import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.bench.figures import Figure
from tests.sim.console.consoles import consoles, ready, until
from tests.support.browser import browser

_PRESSES = 24
_RESPONSE = 36
_MANY = 100
_MADE_WITHIN_MS = 600_000
_REST_S = 10
_WATCH = """() => {
  window.clicks = []; window.lights = []; window.drawn = [];
  const light = document.querySelector('[aria-label="status light"]');
  addEventListener("pointerdown", () => window.clicks.push(Date.now()), true);
  new MutationObserver(() => {
    window.lights.push(+light.dataset.at); window.drawn.push(Date.now());
  }).observe(light, {attributes: true, attributeFilter: ["data-at"]});
}"""


def figures() -> Iterator[Figure]:
    """Measure both."""
    yield from clicks()
    yield from hundred()


def clicks() -> Iterator[Figure]:
    """Presses of four buttons in turn: each is a response of its own."""
    with (
        tempfile.TemporaryDirectory() as runs,
        consoles(Path(runs), "--dispensers", "1") as console,
        browser(1280, 800) as view,
    ):
        page = ready(view, console.address)
        page.evaluate(_WATCH)
        for n in range(_PRESSES):
            _press(page, n)
        store = console.run / "store.db"
        until(lambda: len(_stored(store)) >= _PRESSES, "all responses stored")
        clicked, lights, drawn = (
            page.evaluate(f"window.{name}") for name in ("clicks", "lights", "drawn")
        )
        yield from _told("click to the firmware's light", clicked, lights, 100)
        yield from _told("click to that light on the screen", clicked, drawn, None)
        yield from _told("click to the commit in the store", clicked, _stored(store), 1000)


def hundred() -> Iterator[Figure]:
    """A hundred dispensers, all of them on the screen."""
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as runs,
        consoles(Path(runs), "--dispensers", str(_MANY)) as console,
        browser(1024, 768) as view,
    ):
        page = view.page
        page.goto(console.address)
        page.get_by_role("button", name="all dispensers").click(timeout=_MADE_WITHIN_MS)
        yield Figure(f"{_MANY} dispensers: the page is there", time.monotonic() - began, "s")
        good = page.locator(".tile.good")
        expect(good).to_have_count(_MANY, timeout=_MADE_WITHIN_MS)
        yield Figure(f"{_MANY} dispensers: all delivered", time.monotonic() - began, "s")
        used, began = _processor(console.pid), time.monotonic()
        page.wait_for_timeout(_REST_S * 1000)
        share = (_processor(console.pid) - used) / (time.monotonic() - began)
        yield Figure(f"{_MANY} dispensers: the console's share of a core at rest", share, "cores")
        yield Figure(f"{_MANY} dispensers: the console's memory", _resident(console.pid), "MB")
        began = time.monotonic()
        page.locator(".tile").last.click()
        expect(page.get_by_label(f"dispenser d{_MANY}", exact=True)).to_be_visible()
        shown = (time.monotonic() - began) * 1000
        yield Figure(f"{_MANY} dispensers: another one is shown after", shown, "ms")


def _processor(pid: int) -> float:
    # proc(5): utime and stime are fields 14 and 15, the name in brackets is field 2
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _press(page: Page, n: int) -> None:
    page.get_by_role("button", name=f"button {n % 4 + 1},").click(delay=200)
    # the answer to the one before must be over: its light is waited for
    expect(page.locator(".says")).to_have_text("noted")
    page.wait_for_timeout(1200)


def _stored(store: Path) -> list[float]:
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        rows = db.execute(
            "SELECT stored_at FROM records WHERE type = ? ORDER BY seq", (_RESPONSE,)
        ).fetchall()
    return [at / 1000 for (at,) in rows]


def _told(
    name: str, clicks: list[float], seen: list[float], most: float | None
) -> Iterator[Figure]:
    late = sorted(
        min((at for at in seen if at >= click), default=1e12) - click for click in clicks
    )
    yield Figure(f"{name}, p50", statistics.median(late), "ms")
    yield Figure(f"{name}, p95", late[round(0.95 * len(late)) - 1], "ms", most=most)
