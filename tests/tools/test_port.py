"""A port that is none, and what the commands say about it: one line, and what to do next."""

import fcntl
import json
import os
import pty
import subprocess
import sys
import tty
from pathlib import Path

import pytest

from sim.backend.registry import RegistryError
from tools import port as ports
from tools import provision as provisioning
from tools.port import PortError, check


def dosewire(*words):
    command = [sys.executable, "-m", "tools.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


class Found:
    def __init__(self, device, vid):
        self.device, self.vid = device, vid


@pytest.fixture
def terminal():
    host, board = pty.openpty()
    tty.setraw(board)
    yield os.ttyname(board)
    os.close(host)
    os.close(board)


def test_a_serial_port_is_good(terminal, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(terminal)
    check(link)


def test_a_port_that_is_not_there_names_those_that_are(tmp_path, monkeypatch):
    here = [Found("/dev/ttyS0", None), Found("/dev/ttyACM1", 0x2E8A)]
    monkeypatch.setattr(ports.list_ports, "comports", lambda: here)
    with pytest.raises(PortError, match=r"No such file.*here: /dev/ttyACM1$"):
        check(tmp_path / "ttyACM0")
    with pytest.raises(PortError, match=r"not a serial port.*/dev/ttyACM1$"):
        check(tmp_path)
    monkeypatch.setattr(ports.list_ports, "comports", lambda: here[:1])
    with pytest.raises(PortError, match="cable that carries data"):
        check(tmp_path / "ttyACM0")


def test_a_port_without_permission_names_the_group(terminal, tmp_path, monkeypatch):
    monkeypatch.setattr(ports.os, "access", lambda *_: False)
    link = tmp_path / "link"
    link.symlink_to(terminal)
    with pytest.raises(PortError, match="dialout"):
        check(link)


@pytest.mark.parametrize("command", [("flash",), ("provision", "--registry", "r.json")])
def test_a_wrong_port_is_one_line_at_once(tmp_path, command):
    done = dosewire(*command, "--port", tmp_path / "none")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"dosewire {command[0]}: {tmp_path / 'none'}: No such file")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_port_where_nothing_answers_is_one_line(terminal, tmp_path):
    for command in (("flash",), ("provision", "--registry", tmp_path / "r.json")):
        done = dosewire(*command, "--port", terminal)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "r.json").exists()


class Hello:
    device_id, epoch, first, next = bytes(8), 0, 0, 0


def test_a_registry_that_another_command_has_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(provisioning, "_LOCKED_FOR", 0.1)
    path = tmp_path / "r.json"
    with (tmp_path / "r.json.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RegistryError, match="another command has it"):
            provisioning._register(path, Hello())
    given, *_ = provisioning._register(path, Hello())
    assert list(json.loads(path.read_text())["dispensers"]) == [given.dispenser]


def test_a_registry_in_no_folder_changes_nothing(terminal, tmp_path, monkeypatch):
    monkeypatch.setattr(provisioning, "_before", lambda *_, **__: Hello())
    with pytest.raises(RegistryError, match=r"No such file.*nothing was changed"):
        provisioning.provision(Path(terminal), tmp_path / "no" / "r.json", again=False)
