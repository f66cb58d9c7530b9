"""The console in a real browser, over a real world."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sim import child
from sim.faults import FAULTS
from tests.sim.console.consoles import Console, consoles, ready, stored, until
from tests.support.browser import browser

# a slow machine with other work takes five times as long as a quick one
pytestmark = pytest.mark.timeout(300)
DOSE, PRESSED, SHOWN = 34, 36, 37
EVERYWHERE = {
    "anew with time control", "save what I did", "end and check", "d1", "who lives here",
    "clinic asks", "open the lid", "button 0, none", "button 4, very severe", "service button",
    "plugged in", "what the clinic sees", "all dispensers", "how each part is",
}  # fmt: skip
REACTION_MS = 400
"""A press sooner than 300 ms after the light began before it, and answers no question."""
Happened = list[tuple[float, tuple[object, ...]]]
_ANSWERED = r"""before => {
  const told = document.querySelector(".says").title;
  return told !== before && /noted, \S+ delivered$/.test(told);
}"""


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Console]:
    """A console with one dispenser."""
    runs = tmp_path_factory.mktemp("runs")
    with consoles(runs, "--dispensers", "1", cache=cache) as running:
        yield running


@pytest.mark.slow
def test_a_dose_and_a_symptom_are_noted_delivered_and_stored(console: Console) -> None:
    with browser(1024, 768) as view:
        page = ready(view, console.address)
        run = console.run
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
        expect(page.get_by_role("button", name="open the lid")).to_be_visible()
        assert view.errors == [] and view.elsewhere == []


@pytest.mark.slow
def test_what_is_broken_is_told_and_heals(console: Console) -> None:
    with browser(1280, 800, "dark") as view:
        page = ready(view, console.address)
        run = console.run
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
def test_all_is_done_by_keyboard_too(console: Console) -> None:
    with browser(1024, 768) as view:
        page = ready(view, console.address)
        run = console.run
        reached = tabbed(page)
        assert reached >= EVERYWHERE
        faults = {name.replace("_", " ") for name in FAULTS if could_be_here(name)}
        assert len(faults) > 25
        assert {f for f in faults if not any(f.endswith(label) for label in reached)} == set()
        answers, doses = stored(run, PRESSED), stored(run, DOSE)
        by_key(page, "open the lid")
        expect(page.get_by_role("button", name="close the lid")).to_be_focused()
        by_key(page, "take from compartment 1", "Space")
        by_key(page, "button 1, mild")
        by_key(page, "close the lid")
        until(lambda: stored(run, PRESSED) > answers and stored(run, DOSE) > doses, "records")
        for broken in ("true", "false"):
            by_key(page, "broker down")
            switch = page.get_by_role("button", name="broker down")
            expect(switch).to_have_attribute("aria-pressed", broken)
        by_key(page, "what the clinic sees")
        expect(page.locator("iframe")).to_be_visible()
        by_key(page, "the way of each record")
        page.get_by_label("who lives here").press("ArrowDown")
        until(lambda: stored(run, DOSE) > doses + 1, "dose by who lives there")
        page.get_by_label("who lives here").press("ArrowUp")
        until(lambda: not left_active(run), "the last one to come to its end")
        assert view.errors == []


def tabbed(page: Page) -> set[str]:
    """Return the labels of all that Tab comes to."""
    told = "() => document.activeElement.ariaLabel || document.activeElement.innerText"
    reached: list[str] = []
    while reached.count("save what I did") < 2 and len(reached) < 200:
        page.keyboard.press("Tab")
        reached.append(page.evaluate(told))
    return set(reached)


def could_be_here(fault: str) -> bool:
    """Whether a world in real time with one gateway and no cell can have it."""
    return not fault.startswith(("cell_", "modem_", "cable_in_")) and (
        "virtual time" not in FAULTS[fault].needs
    )


def by_key(page: Page, name: str, key: str = "Enter") -> None:
    """Hold a key on the button of this name as long as a finger would."""
    page.get_by_role("button", name=name).press(key, delay=200)


@pytest.mark.slow
def test_a_pulled_plug_is_seen_and_put_back(console: Console) -> None:
    with browser(1024, 768) as view:
        page = ready(view, console.address)
        run = console.run
        answers = stored(run, 36)
        page.get_by_role("button", name="plugged in").click()
        expect(page.get_by_role("button", name="unplugged")).to_be_visible()
        expect(page.locator(".words")).to_contain_text("plug the dispenser in")
        page.get_by_role("button", name="button 2, moderate").click(delay=200)
        assert stored(run, 36) == answers
        page.get_by_role("button", name="unplugged").click()
        expect(page.get_by_role("button", name="plugged in", exact=True)).to_be_visible()
        until(lambda: stored(run, 36) > answers, "response after the plug came back")


@pytest.mark.slow
def test_a_browser_that_goes_lets_go_of_what_it_held(console: Console) -> None:
    with browser(1024, 768) as view:
        page = ready(view, console.address)
        page.get_by_role("button", name="button 2, moderate").hover()
        page.mouse.down()
        until(lambda: "button2" in left_active(console.run), "the button to be held")
    until(lambda: not left_active(console.run), "the button to be let go")


@pytest.mark.soak
def test_coverage_goes_and_comes_back(tmp_path: Path, cache: Path) -> None:
    """The panel tells noted while nothing passes, and delivered by itself afterwards."""
    words = ("--dispensers", "1", "--modem")
    with consoles(tmp_path, *words, cache=cache) as here, browser(1024, 768) as view:
        page = ready(view, here.address)
        expect(page.locator(".words")).to_contain_text("modem")
        until(lambda: stored(here.run, 3) > 0, "first records stored")
        page.get_by_role("button", name="cell outage").click()
        expect(page.locator(".words")).to_contain_text("No coverage")
        page.get_by_role("button", name="button 4, very severe").click(delay=200)
        expect(page.locator(".says")).to_have_text("noted")
        assert stored(here.run, PRESSED) == 0
        view.picture("console-coverage")
        page.get_by_role("button", name="cell outage").click()
        expect(page.locator(".says")).to_have_text("delivered", timeout=120_000)
        assert stored(here.run, PRESSED) == 1
        assert view.findings() == [] and view.errors == [] and not view.scrolls()


@pytest.mark.slow
def test_a_question_is_lit_answered_noted_and_delivered(console: Console) -> None:
    with browser(1024, 768) as view:
        page = ready(view, console.address)
        run = console.run
        answers, asked = stored(run, PRESSED), stored(run, SHOWN)
        page.get_by_role("button", name="clinic asks").click()
        row = page.get_by_role("row").filter(has_text="settings applied").first
        expect(row.locator(".there")).to_have_count(5)
        page.get_by_role("button", name="open the lid").click()
        page.get_by_role("button", name="take from compartment 1").click(delay=200)
        page.get_by_role("button", name="close the lid").click()
        lit = page.get_by_role("img", name="light of question 1")
        expect(lit).to_have_attribute("style", re.compile("background"))
        until(lambda: stored(run, SHOWN) > asked, "question in the store")
        before = page.locator(".says").get_attribute("title")
        page.wait_for_timeout(REACTION_MS)  # the whole way may be quicker than a patient
        page.get_by_role("button", name="button 4, very severe").click(delay=200)
        expect(lit).not_to_have_attribute("style", re.compile("background"))
        page.wait_for_function(_ANSWERED, arg=before)
        until(lambda: stored(run, PRESSED) > answers, "answer in the store")
        view.picture("console-answered")
        page.get_by_role("button", name="what the clinic sees").click()
        clinic = page.frame_locator("iframe")
        expect(clinic.get_by_text("very severe").first).to_be_visible()
        assert view.errors == [] and not view.scrolls()


@pytest.mark.slow
def test_what_was_done_is_saved_checked_and_played_again(console: Console) -> None:
    """Must be the last here: it ends the run."""
    with browser(1280, 800) as view:
        page = ready(view, console.address)
        run = console.run
        page.get_by_role("button", name="what the clinic sees").click()
        clinic = page.frame_locator("iframe")
        expect(clinic.get_by_text("P-d1")).to_be_visible()
        expect(clinic.get_by_text("Heard today")).to_be_visible()
        view.picture("console-clinic")
        by_key(page, "the way of each record")
        something_of_everything(page, run)
        somebody_lives_here(page, run)
        by_key(page, "save what I did")
        expect(page.locator(".run")).to_contain_text("sim run")
        by_key(page, "end and check")
        expect(page.locator(".run")).to_contain_text("ledger and backend: all agree")
        view.picture("console-ended")
        # nothing that is done from now on could be in the report: nothing can be
        expect(page.locator(".device")).to_have_attribute("inert", "")
        ended = (run / "ledger.jsonl").read_bytes()
        page.locator(".key").first.dispatch_event("pointerdown")
        page.get_by_label("who lives here").select_option(value="busy hands")
    judged = child.dosewire("sim", "verify", str(run))
    done = subprocess.run(judged, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (run / "ledger.jsonl").read_bytes() == ended
    again = run.parent / "again"
    words = child.dosewire("sim", "run", str(run / "recorded.toml"), "--runs", str(again))
    done = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (replayed,) = again.glob("*/recorded/ledger.jsonl")
    the_same_happened(happened(replayed), happened(run / "ledger.jsonl"))


def the_same_happened(again: Happened, before: Happened) -> None:
    """Every touch to the millisecond; what takes its time to break or to heal within seconds."""
    for touches, within in ((True, 0.01), (False, 5)):
        done, was = (
            [(t, what) for t, what in one if (len(what) == 3) == touches]
            for one in (again, before)
        )
        assert [what for _, what in done] == [what for _, what in was]
        assert [t for t, _ in done] == pytest.approx([t for t, _ in was], abs=within)
    assert {what[-1] for _, what in before} >= {"settings", "backend_down", "cable_out"}


def something_of_everything(page: Page, run: Path) -> None:
    """The clinic asks, a part is broken and healed, the plug is pulled and put back."""
    the_ledger_tells(page, run, "clinic asks", "settings")
    for switch, fault in (("backend down", "backend_down"), ("cable out", "cable_out")):
        the_ledger_tells(page, run, switch, fault)
        the_ledger_tells(page, run, switch, fault)


def the_ledger_tells(page: Page, run: Path, button: str, what: str) -> None:
    """Click, and wait until it has been done."""
    before = told(run, what)
    page.get_by_role("button", name=button).click()
    until(lambda: told(run, what) > before, what)


def told(run: Path, what: str) -> int:
    """How often the ledger tells of a tech or a fault, that it struck or is over."""
    return sum(entry[-1] == what for _, entry in happened(run / "ledger.jsonl"))


def somebody_lives_here(page: Page, run: Path) -> None:
    """Busy hands, for some visits; nobody lives there afterwards."""
    touched = len(happened(run / "ledger.jsonl"))
    lives = page.get_by_label("who lives here")
    lives.select_option(value="busy hands")
    until(lambda: len(happened(run / "ledger.jsonl")) > touched + 12, "twelve edges by a patient")
    lives.select_option(value="")
    expect(lives).to_have_value("")
    until(lambda: not left_active(run), "the last one to come to its end")


def left_active(run: Path) -> set[object]:
    """Inputs that are active by the ledger."""
    last = {what[1]: what[2] for _, what in happened(run / "ledger.jsonl") if len(what) == 3}
    return {name for name, active in last.items() if active}


def happened(path: Path) -> Happened:
    """Return what a ledger tells that was done: seconds after the first touch, and what."""
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    names = (("dispenser", "input", "active"), ("dispenser", "tech"), ("part", "fault"),
             ("part", "healed"))  # fmt: skip
    first = min((e["t"] for e in entries if "input" in e), default=0)
    found = [
        ((e["t"] - first) / 1e9, tuple(e[name] for name in which))
        for e in entries
        for which in names
        if which[-1] in e
    ]
    return sorted(found, key=lambda pair: pair[0])
