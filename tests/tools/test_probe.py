"""Probing: what is said of a board in each state, and that nothing changes."""

import json

import pytest
from typer.testing import CliRunner

from tests.tools.desk import copied, desks
from tools import port as ports
from tools import uf2
from tools.app import app
from tools.exits import Exit
from tools.prompt import Prompt

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def no_drive(monkeypatch):
    monkeypatch.setattr(uf2, "_mounts", list)
    monkeypatch.setattr(uf2, "waiting", lambda: False)


def probe(*words):
    return CliRunner().invoke(app, ["probe", "--json", *map(str, words)])


def test_a_dispenser_is_not_disturbed(desk):
    before, operations = desk.hello(), desk.board.operations
    boots = desk.board.boots
    told = json.loads(probe("--port", desk.port).stdout)
    assert told["state"] == "app"
    assert (told["board"], told["release"], told["service"]) == ("pico", "0.1.0", "ok")
    assert told["dispenser"] == before.device_id.hex()
    assert (told["epoch"], told["first"]) == (before.epoch, before.first)
    assert told["next"] >= before.next
    # housekeeping may come at any time, but no boot, and no MAINTENANCE
    assert desk.board.boots == boots
    assert desk.board.operations - operations <= 4


def test_at_the_prompt_more_is_asked(desk):
    told = json.loads(probe("--port", desk.port, "--prompt").stdout)
    assert told["machine"] == "Raspberry Pi Pico with RP2040"
    assert told["micropython"].startswith("1.")
    assert told["slot"] == "a"
    assert told["slots"]["a"]["release"] == "0.1.0"
    assert told["faults"] == [] or all(isinstance(code, int) for code in told["faults"])
    assert desk.hello().service.name == "ok"


def test_a_stock_board(tmp_path):
    with desks(tmp_path / "d") as (desk,):
        told = json.loads(probe("--port", desk.port).stdout)
        assert told["state"] == "prompt"
        # from the banner, which the emulation does not make up
        assert told["machine"] and told["micropython"]


@pytest.mark.soak
def test_a_board_that_runs_something_else(tmp_path):
    with desks(tmp_path / "d") as (desk,):
        with Prompt(desk.port) as prompt:
            prompt.write("/main.py", b"while True: pass\n", lambda _: None)
            prompt.reset()
        desk.up()
        told = json.loads(probe("--port", desk.port, "--prompt").stdout)
        assert (told["state"], told["foreign"]) == ("silent", ["main.py"])


def test_several_ports_and_one_that_is_not_there(tmp_path, flashed):
    with desks(copied(flashed, tmp_path / "d")) as (desk,):
        done = probe("--port", tmp_path / "none", "--port", desk.port)
        assert done.exit_code == Exit.NO_DEVICE
        assert json.loads(done.stdout)["service"] == "unprovisioned"
        assert done.stderr.count("\n") == 1


def test_no_board_and_one_that_waits_for_an_image(monkeypatch):
    monkeypatch.setattr(ports.list_ports, "comports", list)
    assert probe().exit_code == Exit.NO_DEVICE
    monkeypatch.setattr(uf2, "waiting", lambda: True)
    done = probe()
    assert done.exit_code == Exit.BOOTSEL
    assert json.loads(done.stdout) == {"state": "bootsel"}
