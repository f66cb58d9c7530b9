"""A console that stays open leaks no memory: not the program, not the page."""

import os
import statistics
import time
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, expect

from tests.sim.console.consoles import MADE_WITHIN_MS, consoles
from tests.support.browser import browser

MINUTES = float(os.environ.get("CONSOLE_MINUTES", "60"))
EVERY_S = 10.0
MOST_KIB_A_MINUTE = 100.0
"""6 MiB an hour: less than what one record in memory for ever would cost at this rate."""
MANY = 10


def resident_kib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def page_kib(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1024


def slope(samples: list[tuple[float, float]]) -> float:
    """KiB a minute, by the later two thirds: what is made once has been made by then."""
    late = samples[len(samples) // 3 :]
    minutes, values = zip(*late, strict=True)
    return statistics.linear_regression(minutes, values).slope


@pytest.mark.soak
@pytest.mark.timeout(round(MINUTES * 60) + 240)
def test_an_open_console_leaks_no_memory(tmp_path: Path) -> None:
    with consoles(tmp_path, "--dispensers", str(MANY)) as console, browser(1280, 800) as view:
        page = view.page
        page.goto(console.address)
        page.get_by_role("button", name="all dispensers").click(timeout=MADE_WITHIN_MS)
        expect(page.locator(".tile.good")).to_have_count(MANY, timeout=MADE_WITHIN_MS)
        page.get_by_label("who lives here").select_option(value="busy hands")
        page.get_by_role("button", name="the way of each record").click()
        session = page.context.new_cdp_session(page)
        program: list[tuple[float, float]] = []
        inside: list[tuple[float, float]] = []
        began = time.monotonic()
        while (minute := (time.monotonic() - began) / 60) < MINUTES:
            program.append((minute, resident_kib(console.pid)))
            inside.append((minute, page_kib(session)))
            page.wait_for_timeout(EVERY_S * 1000)
        told = f"program {slope(program):+.1f} KiB a minute, page {slope(inside):+.1f}"
        print(told, [round(value) for _, value in program], [round(value) for _, value in inside])
        assert max(slope(program), slope(inside)) < MOST_KIB_A_MINUTE, told
        assert view.errors == []
