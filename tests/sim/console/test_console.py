"""The console in a real browser, over a real world."""

import json
import os
import re
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sim import child
from tests.support.browser import Browser, browser

READY = "reads dispenser"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address and run folder of a console with one dispenser."""
    runs = tmp_path_factory.mktemp("runs")
    words = child.dosewire("sim", "console", "--dispensers", "1", "--port", "0", "--seed", "5",
                           "--no-show", "--runs", str(runs))  # fmt: skip
    # NiceGUI looks for pytest's variables and then wants to be its plugin
    env = {name: word for name, word in os.environ.items() if not name.startswith("PYTEST")}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert process.stdout is not None
        told = next(line for line in process.stdout if "http://" in line)
        address = re.search(r"http://\S+", told)
        assert address is not None
        yield address.group(), next(runs.iterdir())
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=30)
        assert process.returncode in (0, 130), said
    left = subprocess.run(["pgrep", "-f", str(runs)], capture_output=True, text=True, check=False)
    assert left.stdout == ""


def until(condition: Callable[[], bool], what: str, seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"no {what}"
        time.sleep(0.05)


def stored(run: Path, kind: int) -> int:
    with sqlite3.connect(f"file:{run}/store.db?mode=ro", uri=True) as store:
        (number,) = store.execute(
            "select count(*) from records where type = ?", (kind,)
        ).fetchone()
    return int(number)


def ready(view: Browser, address: str) -> Page:
    view.page.goto(address)
    expect(view.page.locator(".words")).to_contain_text(READY)
    return view.page


@pytest.mark.slow
def test_a_dose_and_a_symptom_are_noted_delivered_and_stored(console: tuple[str, Path]) -> None:
    address, run = console
    with browser(1024, 768) as view:
        page = ready(view, address)
        assert not view.scrolls()
        doses, answers = stored(run, 34), stored(run, 36)
        page.get_by_role("button", name="open the lid").click()
        expect(page.get_by_role("button", name="close the lid")).to_be_visible()
        page.get_by_role("button", name="take from compartment 2").click(delay=200)
        page.get_by_role("button", name="button 3, severe").click(delay=200)
        until(lambda: stored(run, 34) > doses and stored(run, 36) > answers, "records stored")
        row = page.get_by_role("row").filter(has_text="response button 3").first
        expect(row.locator(".there")).to_have_count(5)
        view.picture("console")
        assert not view.scrolls()
        assert view.findings() == []
        page.get_by_role("button", name="close the lid").click()
        assert view.errors == [] and view.elsewhere == []


@pytest.mark.slow
def test_what_is_broken_is_told_and_heals(console: tuple[str, Path]) -> None:
    address, run = console
    with browser(1280, 800, "dark") as view:
        page = ready(view, address)
        page.get_by_role("button", name="backend down").click()
        expect(page.locator(".words")).to_contain_text("backend is off")
        answers = stored(run, 36)
        page.get_by_role("button", name="button 0, none").click(delay=200)
        waits = page.get_by_role("row").filter(has_text="response button 0").first
        expect(waits.locator(".there")).not_to_have_count(0)
        view.picture("console-broken")
        assert stored(run, 36) == answers
        page.get_by_role("button", name="backend down").click()
        until(lambda: stored(run, 36) > answers, "response after the backend was healed")
        expect(waits.locator(".there")).to_have_count(5)
        assert view.findings() == [] and view.errors == []


@pytest.mark.slow
def test_all_is_done_by_keyboard_too(console: tuple[str, Path]) -> None:
    address, run = console
    with browser(1024, 768) as view:
        page = ready(view, address)
        answers = stored(run, 36)
        reached = set()
        for _ in range(70):
            page.keyboard.press("Tab")
            label = page.evaluate(
                "() => document.activeElement.ariaLabel || document.activeElement.innerText"
            )
            reached.add(label)
            if label == "button 1, mild":
                page.keyboard.press("Enter", delay=200)
        assert {"open the lid", "button 0, none", "service button", "plugged in",
                "backend down"} <= reached  # fmt: skip
        until(lambda: stored(run, 36) > answers, "response by keyboard")


@pytest.mark.slow
def test_a_pulled_plug_is_seen_and_put_back(console: tuple[str, Path]) -> None:
    address, run = console
    with browser(1024, 768) as view:
        page = ready(view, address)
        answers = stored(run, 36)
        page.get_by_role("button", name="plugged in").click()
        expect(page.get_by_role("button", name="unplugged")).to_be_visible()
        expect(page.locator(".words")).to_contain_text("plug the dispenser in")
        page.get_by_role("button", name="button 2, moderate").click(delay=200)
        assert stored(run, 36) == answers
        page.get_by_role("button", name="unplugged").click()
        until(lambda: stored(run, 36) > answers, "response after the plug came back")


@pytest.mark.slow
def test_what_was_done_is_saved_checked_and_played_again(console: tuple[str, Path]) -> None:
    """Must be the last here: it ends the run."""
    address, run = console
    with browser(1280, 800) as view:
        page = ready(view, address)
        page.get_by_role("button", name="what the clinic sees").click()
        clinic = page.frame_locator("iframe")
        expect(clinic.get_by_text("P-d1")).to_be_visible()
        expect(clinic.get_by_text("Heard today")).to_be_visible()
        view.picture("console-clinic")
        page.get_by_role("button", name="save what I did").click()
        expect(page.locator(".run")).to_contain_text("sim run")
        page.get_by_role("button", name="end and check").click()
        expect(page.locator(".run")).to_contain_text("ledger and backend: all agree")
        view.picture("console-ended")
    again = run.parent / "again"
    words = child.dosewire("sim", "run", str(run / "recorded.toml"), "--runs", str(again))
    told = subprocess.run(words, capture_output=True, text=True, timeout=80, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    (replayed,) = again.glob("*/recorded/ledger.jsonl")
    done, by_hand = stimuli(replayed), stimuli(run / "ledger.jsonl")
    assert [what for _, *what in done] == [what for _, *what in by_hand]
    # the diary tells milliseconds
    assert [t for t, *_ in done] == pytest.approx([t for t, *_ in by_hand], abs=0.1)


def stimuli(path: Path) -> list[tuple[float, str, bool]]:
    """Inputs of a ledger: seconds after the first, which, active or not."""
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    found = [(e["t"], e["input"], e["active"]) for e in entries if "input" in e]
    return [((t - found[0][0]) / 1e9, name, active) for t, name, active in found]
