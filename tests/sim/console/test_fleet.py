"""The tiles of all dispensers: judged in words, and ten real ones in a browser."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Locator, Page, expect

from sim.console.fleet import Tile, html, summed, tile
from sim.inflight import Hop
from sim.view import Way
from tests.sim.console.consoles import MADE_WITHIN_MS, consoles, stored, until
from tests.support.browser import browser

MANY = 10


def dispenser(state: str = "running", plugged: bool = True) -> SimpleNamespace:
    return SimpleNamespace(name="d7", board=SimpleNamespace(state=state, plugged=plugged))


@pytest.mark.parametrize(
    ("state", "plugged", "hop", "look", "told"),
    [
        ("running", True, Hop(9, 9, 9), "good", "delivered"),
        ("running", True, Hop(9, 7, 6), "behind", "3 behind"),
        ("running", False, Hop(9, 9, 9), "off", "unplugged"),
        ("off", True, Hop(9, 9, 9), "off", "no power"),
        ("running", True, Hop(0, 0, 0), "off", "not read yet"),
    ],
)
def test_a_tile_says_how_far_a_dispenser_has_come(state, plugged, hop, look, told) -> None:
    made = tile(dispenser(state, plugged), hop, None, ())
    assert (made.look, made.state, made.last) == (look, told, "nothing yet")


def test_what_is_broken_is_named_in_the_place_of_the_last_record() -> None:
    way = Way("d7", 5, "DOSE compartment <2>", 0)
    made = tile(dispenser(), Hop(9, 9, 9), way, ("line noisy",))
    assert made.look == "broken" and "line noisy" in html(made)
    assert made.told == "dispenser d7: delivered; last dose <2>; broken: line noisy"
    assert "<2>" not in html(tile(dispenser(), Hop(9, 9, 9), way, ()))


def test_all_are_summed_up() -> None:
    looks = ["good", "good", "behind", "off"]
    tiles = [Tile(f"d{n}", look, "", "", "", ()) for n, look in enumerate(looks)]
    assert summed(tiles) == "4 dispensers: 2 delivered, 1 behind, 1 away"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_ten_real_dispensers_at_a_glance_and_by_keyboard(tmp_path: Path, cache: Path) -> None:
    words = ("--dispensers", str(MANY))
    with consoles(tmp_path, *words, cache=cache) as console, browser(1024, 768) as view:
        page = view.page
        page.goto(console.address)
        page.get_by_role("button", name="all dispensers").click(timeout=MADE_WITHIN_MS)
        expect(page.locator(".tile.good")).to_have_count(MANY, timeout=MADE_WITHIN_MS)
        assert not view.scrolls()
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        expect(page.get_by_label("dispenser d2", exact=True)).to_be_visible()
        second = page.locator(".tile").nth(1)
        until(lambda: pressed(page, second), "response on the tile of d2")
        until(lambda: stored(console.run, 36) > 0, "response in the store")
        expect(second).to_contain_text("✓")
        page.get_by_role("button", name="plugged in", exact=True).click()
        expect(second).to_contain_text("cable out")
        expect(page.locator(".sum")).to_have_text("10 dispensers: 9 delivered, 1 broken")
        view.picture("console-fleet")
        assert view.findings() == [] and view.errors == []
        page.get_by_role("button", name="unplugged", exact=True).click()
        expect(page.locator(".tile.good")).to_have_count(MANY)


def pressed(page: Page, tile: Locator) -> bool:
    """Press, and see whether a tile tells of it before something newer takes its place."""
    page.get_by_role("button", name="button 3, severe").click(delay=200)
    with contextlib.suppress(AssertionError):
        expect(tile).to_contain_text("response", timeout=5000)
        return True
    return False
