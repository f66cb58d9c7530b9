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
from tests.tools.desk import copied, desks
from tests.tools.desk import dosewire as at_the_desk
from tools import provision as provisioning
from tools.exits import Exit
from tools.prompt import Prompt
from tools.provision import provision
from tools.vault import Vault

pytestmark = pytest.mark.slow


def dosewire(*words):
    command = [sys.executable, "-m", "tools.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def hello(port):
    return asyncio.run(ask(Path(port), 10))


def test_from_an_empty_board_to_one_in_service(bench, tmp_path):
    flashed = dosewire("flash", "--port", bench, "--yes")
    assert flashed.returncode == 0
    assert "nothing was there" in flashed.stderr
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
    assert again.returncode == Exit.PROVISIONED
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


def test_a_provisioning_cut_short_leaves_no_board_at_its_prompt(flashed, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Prompt, "run", interrupt)
    with desks(copied(flashed, tmp_path / "d")) as (desk,):
        with pytest.raises(KeyboardInterrupt):
            provision(desk.port, Vault(tmp_path / "registry.json"))
        assert desk.hello().service == Service.unprovisioned


def test_provisioning_an_empty_board_says_to_flash_it(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(provisioning, "_ANSWERS_WITHIN", 1.0)
    given = at_the_desk("provision", "--port", bench, "--registry", tmp_path / "r.json")
    assert given.returncode == 1
    assert "dosewire flash" in given.stderr
    assert not (tmp_path / "r.json").exists()
