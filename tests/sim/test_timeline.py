"""The page of a failing run, opened from disk in a browser: it shows where a record was lost."""

import dataclasses
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from sim import timeline
from tests.sim.runs import Run

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update"]  # fmt: skip
pytestmark = pytest.mark.slow


@pytest.fixture
def broken(tmp_path):
    """A run in which one record never left the spool, and one was lost before it."""
    run = Run(tmp_path)
    run.faults.append({"fault": "backend_down", "evidence": "some", "part": "backend"})
    run.write()
    seq = run.find("response")
    with sqlite3.connect(tmp_path / "store.db") as db:
        db.execute("DELETE FROM records WHERE dispenser = ? AND seq = ?", (run.d1.id, seq))
    lost = run.find("dose")
    for name in ("store.db", "gateway/spool.db"):
        with sqlite3.connect(tmp_path / name) as db:
            db.execute("DELETE FROM records WHERE dispenser = ? AND seq = ?", (run.d1.id, lost))
    return tmp_path, seq


def inside(page, what):
    """Nothing is cut off by the picture's edges, whatever the gateway's clock said."""
    frame = page.locator("#s").bounding_box()
    for one in page.locator(what).all():
        box = one.bounding_box()
        assert box["x"] >= frame["x"] and box["y"] >= frame["y"], one.text_content()
        assert box["x"] + box["width"] <= frame["x"] + frame["width"], one.text_content()


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_lost_record_is_seen_where_it_was_last(broken, tmp_path):
    from playwright.sync_api import sync_playwright

    folder, seq = broken
    page_file = timeline.write(folder, ["lost: one record"])
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 700})
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(page_file.as_uri())
        labels = page.locator(".lostlabel").all_text_contents()
        assert sorted(labels) == [
            "DOSE LOST LAST SEEN AT d1",
            f"RESPONSE button 3 seq {seq} LAST SEEN AT gateway",
        ]
        inside(page, ".lostlabel, .label, .barlabel, circle.end, rect.bar")
        assert page.locator("polyline.way").count() > 10
        assert page.locator("rect.bar").count() == 1
        assert page.locator("#wrong").inner_text() == "lost: one record"
        out = Path(os.environ.get("TEST_OUTPUT", tmp_path)) / "timeline.png"
        page.screenshot(path=out)
        assert out.stat().st_size > 5000
        page.get_by_role("button", name="DOSE LOST").click()
        assert page.locator("#says").inner_text() == "DOSE LOST LAST SEEN AT d1"
        middle = page.locator("circle.end").first.bounding_box()["x"]
        assert 500 < middle < 750, "what was clicked is in the middle now"
        inside(page, ".lostlabel, .label, .barlabel")
        assert errors == []
        browser.close()


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_what_is_wrong_leads_to_the_record_and_is_not_called_lost(tmp_path):
    from playwright.sync_api import sync_playwright

    run = Run(tmp_path)
    seq = run.find("response")
    row = run.d1.rows[seq]
    row.data = dataclasses.replace(row.data, button=2)
    late = run.find("dose")
    run.d1.rows[late].t -= 20_000
    run.write()
    page_file = timeline.write(tmp_path, [*run.report().differences, "nothing of a record"])
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 700})
        page.goto(page_file.as_uri())
        assert page.locator("#lost").inner_text() == ""
        assert sorted(page.locator(".lostlabel").all_text_contents()) == [
            f"DOSE compartment 1 seq {late} WRONG",
            f"RESPONSE button 2 seq {seq} WRONG",
        ]
        assert page.locator("polyline.lost").count() == 2
        page.get_by_role("button", name="RESPONSE button 3").click()
        assert page.locator("#says").inner_text() == f"RESPONSE button 2 seq {seq} WRONG"
        assert page.get_by_role("button", name="nothing of").count() == 0
        browser.close()


def test_an_unfinished_run_still_makes_a_page(tmp_path):
    text = timeline.write(tmp_path, ["</script><b>"]).read_text()
    assert "</script><b>" not in text
