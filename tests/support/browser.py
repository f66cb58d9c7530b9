"""A headless Chromium for tests of pages: what it logs, what axe says of a page, pictures."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
PICTURES = Path(__file__).parent.parent.parent / "build" / "screenshots"
_QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
_WITHIN_MS = 40_000
_SERIOUS = ("serious", "critical")


class Browser:
    """One page of a browser; `errors` is what it complained of on its console."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        page.on("console", self._logged)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))

    def _logged(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _asked(self, url: str) -> None:
        inside = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "file:")
        if not url.startswith(inside):
            self.elsewhere.append(url)

    def picture(self, name: str) -> None:
        """Keep a picture of the page as test output."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(PICTURES / f"{name}.png"))

    def scrolls(self) -> bool:
        """Whether the page is larger than the window."""
        return bool(
            self.page.evaluate(
                "() => { const e = document.scrollingElement;"
                " return e.scrollHeight > innerHeight || e.scrollWidth > innerWidth }"
            )
        )

    def findings(self) -> list[str]:
        """What axe-core finds serious or critical: rule, and the elements.

        Not inside frames: pages of others are judged by their own tests, and it would ask them by
        messages that they refuse.
        """
        found = Axe().run(self.page, options={"iframes": False}).response["violations"]
        return [
            f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}"
            for one in found
            if one["impact"] in _SERIOUS
        ]


@contextlib.contextmanager
def browser(
    width: int, height: int, scheme: Literal["light", "dark"] = "light"
) -> Iterator[Browser]:
    """Give a page of a new browser of this size, in the light or the dark."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_QUIET))
        try:
            page = chromium.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            page.set_default_timeout(_WITHIN_MS)
            expect.set_options(timeout=_WITHIN_MS)
            yield Browser(page)
        finally:
            chromium.close()
