"""Stories at once: what a process leaves is the result, and one that dies says so."""

import asyncio
import json

from sim import batch, jobs
from sim.batch import Chosen
from sim.scenario import Scenario


def play(folder, *chosen, at_once=2):
    """Play these where no board is ever made: only who plays what, and what is told."""
    told, seen = [], []

    async def all_of_them():
        return await jobs.run(
            chosen, folder, folder / "cache", None, "emulated", at_once,
            lambda now: seen.append([one.word for one in now]), told.append,
        )  # fmt: skip

    return asyncio.run(all_of_them()), told, seen


def story(name, days):
    return Chosen(name, Scenario(name, "A story.", days))


def test_the_longest_begin_first_and_the_results_are_in_order(tmp_path, monkeypatch):
    async def apart(what, folder, *_):
        await asyncio.sleep(0)
        return batch.blank(what, folder, None, "emulated")

    monkeypatch.setattr(jobs, "_apart", apart)
    monkeypatch.setattr("sim.factory.flashed", made)
    chosen = [story("short", 0.01), story("long", 3), story("middle", 1)]
    results, told, seen = play(tmp_path, *chosen)
    assert [r.scenario for r in results] == ["short", "long", "middle"]
    assert sorted(r.scenario for r in told) == ["long", "middle", "short"]
    assert seen[:2] == [["long"], ["long", "middle"]]
    assert max(map(len, seen)) == 2


async def made(_):
    return b""


def test_a_process_that_dies_is_a_wrong_story_with_its_last_words(tmp_path, monkeypatch):
    monkeypatch.setattr("sim.factory.flashed", made)
    results, _, _ = play(tmp_path, story("no-such-story", 1), story("nor-this-one", 1))
    for result in results:
        assert "its process ended with 1" in result.wrong[0]
        assert "KeyError" in result.wrong[0]
        assert result.replay == f"dosewire sim run {result.scenario} --seed 1 --board emulated"
        kept = json.loads((tmp_path / result.scenario / "scenario.json").read_text())
        assert kept["wrong"] == result.wrong


def test_what_a_machine_cannot_play_is_skipped_without_a_process(tmp_path, monkeypatch):
    monkeypatch.setattr("sim.factory.flashed", made)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    what = batch.named("disk-full-and-then-lost")
    results, _, _ = play(tmp_path, what, what)
    assert [r.skipped for r in results] == ["this machine lacks: small disk"] * 2
    assert all(r.good and not r.run for r in results)
    assert list(tmp_path.iterdir()) == []
