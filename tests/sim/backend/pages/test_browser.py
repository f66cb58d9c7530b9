"""Both pages in headless Chromium: one screen, keyboard, nothing from outside, nothing on fire."""

import pytest
from playwright.sync_api import expect

from tests.support.browser import browser

pytestmark = pytest.mark.slow
PATHS = {
    "site": "/site/north",
    "patient_drifting": "/patient/e0004",
    "patient_flare": "/patient/e0005",
    "patient_unplugged": "/patient/e0008",
    "patient_new": "/patient/e0012",
    "sites": "/",
    "nobody": "/patient/nobody",
}


SCHEMES = {"light": list(PATHS), "dark": ["site", "patient_drifting"]}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_page_fits_a_screen_is_quiet_and_has_no_serious_finding(base, scheme):
    with browser(1280, 800, scheme) as view:
        for name in SCHEMES[scheme]:
            view.page.goto(base + PATHS[name])
            expect(view.page.locator("h1")).to_be_visible()
            expect(view.page.locator("footer")).to_contain_text("Access, not ingestion")
            view.picture(f"pages_{name}_{scheme}")
            assert not view.scrolls(), name
            assert view.findings() == [], name
        assert view.errors == []
        assert view.elsewhere == []


def test_a_nurse_gets_to_the_first_patient_and_back_by_keyboard(base):
    with browser(1280, 800) as view:
        view.page.goto(base + "/site/north")
        first = view.page.locator(".row a").first
        expect(first).to_be_visible()
        name = first.inner_text()
        view.page.keyboard.press("Tab")
        expect(first).to_be_focused()
        view.page.keyboard.press("Enter")
        expect(view.page.locator("h1")).to_have_text(name)
        view.page.keyboard.press("Tab")
        view.page.keyboard.press("Enter")
        expect(view.page.locator("h1")).to_have_text("Site north")
        assert view.errors == []


def test_finding_and_leafing_by_keyboard(base):
    with browser(1280, 800) as view:
        view.page.goto(base + "/site/north?page=2")
        expect(view.page.locator(".row a")).to_have_count(2)
        name = view.page.locator(".row a").last.inner_text()
        view.page.get_by_label("Patient", exact=True).focus()
        view.page.keyboard.type(name)
        view.page.keyboard.press("Enter")
        expect(view.page.locator(".row a")).to_have_text([name])


HOSTILE = (
    "/site/north?page=-1",
    "/site/north?page=99999999999999999999",
    "/site/%3Cimg%20src=x%20onerror=alert(1)%3E",
    "/site/north?find=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E",
)


def test_hostile_addresses_are_answered(base):
    with browser(1280, 800) as view:
        for path in HOSTILE:
            view.page.goto(base + path)
            expect(view.page.locator("footer")).to_be_visible()
            assert view.page.locator("main img").count() == 0
        assert view.elsewhere == []
