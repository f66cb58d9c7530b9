"""Flashing and provisioning a board as a tech does, with the real commands."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.schema import Service
from sim.backend import registry
from sim.hello import ask
from tools.compile import FIRMWARE
from tools.flash import flash
from tools.prompt import Prompt
from tools.provision import provision

pytestmark = pytest.mark.slow


def dosewire(*words):
    command = [sys.executable, "-m", "tools.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def hello(port):
    return asyncio.run(ask(Path(port), 10))


def test_from_an_empty_board_to_one_in_service(bench, tmp_path):
    flashed = dosewire("flash", "--port", bench)
    assert (flashed.returncode, flashed.stderr) == (0, "")
    assert "unprovisioned" in flashed.stdout
    known = tmp_path / "registry.json"
    given = dosewire("provision", "--port", bench, "--registry", known, "--json")
    assert (given.returncode, given.stderr) == (0, "")
    told = json.loads(given.stdout)
    found = hello(bench)
    assert found.service == Service.ok
    assert (found.device_id.hex(), found.epoch) == (told["dispenser"], told["epoch"])
    assert registry.load(known).has_epoch(told["dispenser"], told["epoch"])
    assert known.stat().st_mode & 0o777 == 0o600

    again = dosewire("provision", "--port", bench, "--registry", known)
    assert again.returncode == 1
    assert told["dispenser"] in again.stderr
    assert re.search(r"removes its [1-9]\d* records for ever", again.stderr)
    assert hello(bench).epoch == told["epoch"]

    renewed = dosewire("provision", "--port", bench, "--registry", known, "--json", "--again")
    assert renewed.returncode == 0, renewed.stderr
    second = json.loads(renewed.stdout)
    assert second["dispenser"] == told["dispenser"]
    assert second["epoch"] != told["epoch"]
    assert registry.load(known).dispensers[told["dispenser"]].epochs == [
        told["epoch"],
        second["epoch"],
    ]


def test_a_flash_cut_short_does_not_start_as_a_mixture_and_is_mended_by_another(bench, tmp_path):
    assert dosewire("flash", "--port", bench).returncode == 0
    words = ("--registry", tmp_path / "registry.json", "--json")
    told = json.loads(dosewire("provision", "--port", bench, *words).stdout)
    left = 20_000

    def interrupt(done):
        nonlocal left
        left -= done
        if left < 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flash(Path(bench), FIRMWARE, lambda _: None, interrupt)
    given = dosewire("provision", "--port", bench, *words, "--again")
    assert given.returncode == 1
    assert "dosewire flash" in given.stderr
    assert dosewire("flash", "--port", bench).returncode == 0
    assert hello(bench).epoch == told["epoch"]


def test_a_provisioning_cut_short_leaves_no_board_at_its_prompt(bench, tmp_path, monkeypatch):
    assert dosewire("flash", "--port", bench).returncode == 0

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Prompt, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        provision(Path(bench), tmp_path / "registry.json", again=False)
    assert hello(bench).service == Service.unprovisioned


def test_flashing_again_removes_what_is_stale_and_keeps_the_journal(bench, tmp_path):
    assert dosewire("flash", "--port", bench).returncode == 0
    words = ("--registry", tmp_path / "registry.json", "--json")
    told = json.loads(dosewire("provision", "--port", bench, *words).stdout)
    with Prompt(Path(bench)) as prompt:
        prompt.write("/slots/a/dispenser/stale.mpy", b"old", lambda _: None)
    flashed = dosewire("flash", "--port", bench)
    assert (flashed.returncode, flashed.stderr) == (0, "")
    with Prompt(Path(bench)) as prompt:
        names = prompt.run("import os; print(os.listdir('/slots/a/dispenser'))")
        assert "stale.mpy" not in names
        assert "app.mpy" in names
        prompt.reset()
    assert hello(bench).epoch == told["epoch"]


def test_firmware_that_does_not_start_is_told(bench, tmp_path):
    folder = tmp_path / "firmware"
    (folder / "dispenser").mkdir(parents=True)
    for name in ("boot.py", "main.py", "dispenser/app.py"):
        (folder / name).write_text("")
    flashed = dosewire("flash", "--port", bench, "--firmware", folder)
    assert flashed.returncode == 1
    assert "does not start" in flashed.stderr


def test_provisioning_an_empty_board_says_to_flash_it(bench, tmp_path):
    given = dosewire("provision", "--port", bench, "--registry", tmp_path / "r.json")
    assert given.returncode == 1
    assert "dosewire flash" in given.stderr
    assert not (tmp_path / "r.json").exists()
