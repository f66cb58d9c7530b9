"""How soon a click in the console is seen by the firmware, and its record by the store.

Clicks are timed in the browser, lights by the board, records by the store's commit: all three by
this machine's clock.
"""

import sqlite3
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.bench.figures import Figure
from tests.sim.console.consoles import consoles, ready, until
from tests.support.browser import browser

_PRESSES = 24
_RESPONSE = 36
_WATCH = """() => {
  window.clicks = []; window.lights = []; window.drawn = [];
  const light = document.querySelector('[aria-label="status light"]');
  addEventListener("pointerdown", () => window.clicks.push(Date.now()), true);
  new MutationObserver(() => {
    window.lights.push(+light.dataset.at); window.drawn.push(Date.now());
  }).observe(light, {attributes: true, attributeFilter: ["data-at"]});
}"""


def figures() -> Iterator[Figure]:
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
        clicks, lights, drawn = (
            page.evaluate(f"window.{name}") for name in ("clicks", "lights", "drawn")
        )
        yield from _told("click to the firmware's light", clicks, lights, 100)
        yield from _told("click to that light on the screen", clicks, drawn, None)
        yield from _told("click to the commit in the store", clicks, _stored(store), 1000)


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
