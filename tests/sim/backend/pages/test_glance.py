"""What a glance says of the stories of the cohort, and that it says no more than it knows."""

import dataclasses
import datetime as dt
import time

import pytest

from sim.backend.evidence.calendar import Mark
from sim.backend.evidence.entries import Kind
from sim.backend.evidence.ledger import Ledger
from sim.backend.evidence.silence import Cause
from sim.backend.pages import html, pictures
from sim.backend.pages.cohort import LEDGER, STORE, Plan, make
from sim.backend.pages.glance import Need
from sim.backend.pages.lives import Story
from sim.backend.pages.snapshot import Snapshot
from sim.backend.store import open_store

END = dt.date(2026, 11, 22)
NOW = round(dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC).timestamp() * 1000)
NUMBER = {story: n for n, story in enumerate(Story)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("cohort")
    make(made, Plan(len(Story), 30, END, seed=7), lambda done, of: None)
    return made


def looked(folder, now=NOW):
    snapshot = Snapshot(
        lambda: open_store(folder / STORE, readonly=True), folder / LEDGER, lambda: now
    )
    snapshot.look()
    return snapshot.view


@pytest.fixture(scope="module")
def view(folder):
    return looked(folder)


def of(view, story):
    return view.glances[f"e{NUMBER[story] + 1:04}"]


def marks(glance) -> str:
    return "".join("-" if s.mark is None else s.mark.name[0] for s in glance.squares)


def test_every_day_reached_and_nothing_open(view):
    glance = of(view, Story.HOSPITAL)
    assert marks(glance) == "R" * 9 + "A" * 7 + "R" * 13 + "-"
    assert (glance.need, glance.cause) == (Need.QUIET, None)


def test_six_days_without_access_need_a_look_at_the_patient(view):
    glance = of(view, Story.DRIFTING)
    # the sixth is not whole before the next record has come
    assert marks(glance).endswith("RMMMMMS-")
    assert glance.need is Need.PATIENT
    assert glance.items[0].text == "No access for 5 days, the dispenser was awake"
    assert glance.days_since == 7


def test_unplugged_is_the_dispenser_and_never_missed(view):
    glance = of(view, Story.UNPLUGGED)
    assert marks(glance).endswith("RSSSSSS-")
    assert (glance.need, glance.cause) == (Need.DISPENSER, Cause.UNPLUGGED)


def test_records_that_have_not_come_are_not_known(view):
    glance = of(view, Story.UNREACHED)
    assert marks(glance).endswith("SSSSS-")
    assert (glance.need, glance.cause) == (Need.DISPENSER, Cause.WAITING)
    assert [item.text for item in glance.items] == ["Not known for 5 days: nothing says why"]


def test_a_stuck_beam_lets_nothing_be_missed(view):
    glance = of(view, Story.BLIND)
    assert marks(glance).endswith("SSS-")
    assert glance.cause is Cause.FAULT


def test_an_unannounced_refill_waits_for_a_person(view, folder):
    assert of(view, Story.REFILLING).need is Need.DECIDE


def test_three_and_none_shows_the_excess(view):
    squares = of(view, Story.TRIPLE).squares
    with_excess = [s for s in squares if s.excess]
    assert with_excess and all(s.excess == 2 for s in with_excess)
    after = [squares[squares.index(s) + 1].mark for s in with_excess]
    assert set(after) == {Mark.MISSED}


def test_worse_answers_need_a_look(view):
    glance = of(view, Story.FLARE)
    assert max(symptom.worst for symptom in glance.symptoms) == 4
    assert glance.need is Need.PATIENT


def test_before_it_began_nothing_is_shown(view):
    assert marks(of(view, Story.NEW)).strip("-") in ("RRRR", "RRRM", "RRRS", "RRMR", "RMRR")


def test_an_item_that_was_reviewed_is_open_no_more(folder, view, tmp_path):
    for name in (STORE, LEDGER):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    glance = of(view, Story.REFILLING)
    ledger = Ledger(tmp_path / LEDGER, lambda: NOW)
    ledger.enter("nurse", glance.episode, Kind.REVIEWED, NOW, value=glance.items[0].name)
    ledger.close()
    assert of(looked(tmp_path), Story.REFILLING).need is Need.QUIET


def test_who_needs_a_look_comes_first(view):
    page = html.site(view, "north", 1, "")
    names = [page.index(f">{of(view, story).patient}<") for story in
             (Story.DRIFTING, Story.UNPLUGGED, Story.REFILLING, Story.REGULAR)]  # fmt: skip
    assert names == sorted(names)


def test_the_worst_answer_comes_before_older_ones_and_is_never_hidden(view):
    glance = of(view, Story.FLARE)
    assert glance.items[0].text == "Answer: very severe"
    milder = [dataclasses.replace(item, gravest=False) for item in glance.items]
    calm = dataclasses.replace(glance, episode="calm", patient="A-calm", items=milder)
    assert sorted([calm, glance], key=html.urgency) == [glance, calm]
    long = [item for item in glance.items if not item.gravest] * 3
    crowded = html.patient(view, dataclasses.replace(glance, items=[glance.items[0], *long]))
    assert "very severe</span>" in crowded and "more</li>" in crowded


def test_what_is_over_is_not_said_to_last(view):
    drifting = html.patient(view, of(view, Story.DRIFTING))
    assert ">17 Nov to 21 Nov<" in drifting and ">16 Nov<" in drifting
    assert ">since 17 Nov<" in html.patient(view, of(view, Story.UNPLUGGED))


def test_a_count_that_has_just_begun_stands_beside_the_one_before(view):
    glance = of(view, Story.DRIFTING)
    assert (glance.period.number, glance.before.number) == (2, 1)
    assert f"period 1: {glance.before.monitored}" in html.patient(view, glance)
    assert glance.before.monitored == marks(glance).count("R") + 1  # and one before the picture
    assert of(view, Story.NEW).before is None


def test_what_is_due_and_whose_clock_it_is_are_told(view):
    page = html.patient(view, of(view, Story.REGULAR))
    assert "due a day: 1 from compartment 1" in page and "times of Europe/Zurich" in page
    nothing = dataclasses.replace(of(view, Story.REGULAR), due={1: 0})
    assert "nothing due today" in html.patient(view, nothing)


def test_every_mark_of_a_page_is_in_its_legend(view):
    for page in (html.patient(view, of(view, Story.NEW)), html.site(view, "north", 1, "")):
        assert all(f"</svg>{word}<" in page for word in pictures.LEGEND.values())


def test_whatever_a_name_is_it_stays_a_name(view):
    hostile = "<img src=x onerror=alert(1)>\"'&"
    glance = of(view, Story.FLARE)
    item = dataclasses.replace(glance.items[0], text=hostile)
    words = {"episode": hostile, "patient": hostile, "site": hostile, "items": [item]}
    changed = dataclasses.replace(glance, **words)
    doctored = dataclasses.replace(view, glances={hostile: changed}, trouble=hostile)
    pages = [html.patient(doctored, changed), html.site(doctored, hostile, 1, hostile)]
    pages.append(html.sites(doctored, [hostile]))
    assert all("<img" not in page and "onerror=alert(1)>" not in page for page in pages)


def test_a_store_that_goes_away_is_told_and_the_last_view_stays(folder, tmp_path):
    for name in (STORE, LEDGER):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    snapshot = Snapshot(
        lambda: open_store(tmp_path / STORE, readonly=True), tmp_path / LEDGER, lambda: NOW
    )
    snapshot.start()
    try:
        await_(lambda: snapshot.view.ready)
        before = snapshot.view.glances
        (tmp_path / STORE).unlink()
        await_(lambda: snapshot.view.trouble)
        assert snapshot.view.glances == before
        assert "Not current" in html.site(snapshot.view, "north", 1, "")
    finally:
        snapshot.stop()


def await_(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_pages_claim_access_and_nothing_more(view):
    pages = [html.patient(view, glance) for glance in view.glances.values()]
    pages += [html.site(view, "north", number, "") for number in (1, 2)]
    for page in pages:
        words = page.lower()
        for claim in ("adheren", "complian", "ingested", "dose taken", "took", "swallow"):
            assert claim not in words
    assert "not ingestion" in html.foot(view)


def test_what_is_entered_between_two_looks_is_seen_and_nothing_new_changes_nothing(
    folder, tmp_path
):
    for name in (STORE, LEDGER):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    now = [NOW]
    snapshot = Snapshot(
        lambda: open_store(tmp_path / STORE, readonly=True), tmp_path / LEDGER, lambda: now[0]
    )
    snapshot.look()
    first = snapshot.view
    snapshot.look()
    assert snapshot.view is first
    now[0] += 60_000
    snapshot.look()
    assert (snapshot.view.at, snapshot.view.glances) == (now[0], first.glances)
    glance = of(first, Story.REFILLING)
    ledger = Ledger(tmp_path / LEDGER, lambda: now[0])
    ledger.enter("nurse", glance.episode, Kind.REVIEWED, NOW, value=glance.items[0].name)
    ledger.close()
    snapshot.look()
    changed = {name for name, seen in snapshot.view.glances.items() if seen != first.glances[name]}
    assert changed == {glance.episode}
