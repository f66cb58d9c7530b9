"""A port that is none, and what the commands say about it: one line, and what to do next."""

import errno
import fcntl
import json
import os
import pty
import subprocess
import sys
import termios
import tty
from pathlib import Path

import pytest

from protocol.schema import Service
from sim.backend.registry import RegistryError
from tools import port as ports
from tools import provision as provisioning
from tools import vault
from tools.exits import Exit
from tools.port import PortError, check, chosen
from tools.prompt import Prompt
from tools.vault import Vault


def dosewire(*words):
    command = [sys.executable, "-m", "tools.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


class Found:
    def __init__(self, device, vid):
        self.device, self.vid, self.pid = device, vid, 0x0005


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
    with pytest.raises(PortError, match="dialout") as refused:
        check(link)
    assert refused.value.exit == Exit.NO_PERMISSION


def test_which_boards_are_meant(monkeypatch):
    here = [Found("/dev/ttyS0", None), Found("/dev/ttyACM9", 0x1234)]
    monkeypatch.setattr(ports.list_ports, "comports", lambda: here)
    with pytest.raises(PortError, match=r"no board found.*ttyACM9") as refused:
        chosen([], everyone=False)
    assert refused.value.exit == Exit.NO_DEVICE
    here.append(Found("/dev/ttyACM0", 0x2E8A))
    assert chosen([], everyone=False) == [Path("/dev/ttyACM0")]
    here.append(Found("/dev/ttyACM1", 0x2E8A))
    with pytest.raises(PortError, match=r"--port, or all with --all: .*ACM0, .*ACM1") as refused:
        chosen([], everyone=False)
    assert refused.value.exit == Exit.SEVERAL_DEVICES
    assert chosen([], everyone=True) == [Path("/dev/ttyACM0"), Path("/dev/ttyACM1")]
    assert chosen([Path("x"), Path("x")], everyone=False) == [Path("x")]


@pytest.mark.parametrize("command", [("flash",), ("provision", "--registry", "r.json")])
def test_a_wrong_port_is_one_line_at_once(tmp_path, command):
    done = dosewire(*command, "--port", tmp_path / "none")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"dosewire {command[0]}: {tmp_path / 'none'}: No such file")
    assert done.stderr.count("\n") == 1


@pytest.mark.soak
def test_provisioning_where_nothing_answers_is_one_line(terminal, tmp_path, monkeypatch):
    monkeypatch.setattr(provisioning, "_ANSWERS_WITHIN", 0.5)
    done = dosewire("provision", "--registry", tmp_path / "r.json", "--port", terminal)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert not (tmp_path / "r.json").exists()


@pytest.mark.soak
def test_flashing_where_nothing_answers_is_one_line(terminal):
    done = dosewire("flash", "--port", terminal)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (7, "", 1)


def test_a_port_that_hangs_up_while_it_is_opened_is_no_prompt_and_no_trace(monkeypatch):
    """It restarts just then; termios.error, which pyserial lets through, is no OSError."""
    host, board = pty.openpty()
    tty.setraw(board)
    path, flush, told = Path(os.ttyname(board)), termios.tcflush, []
    os.close(board)

    def hangs_up(terminal, queue):
        if not told:
            os.close(host)
        try:
            flush(terminal, queue)
        except termios.error as error:
            told.append(error.args[0])
            raise

    monkeypatch.setattr(termios, "tcflush", hangs_up)
    with pytest.raises(PortError):
        Prompt(path, patience=0.2)
    assert told == [errno.EIO]


class Hello:
    device_id, epoch, first, next, service = bytes(8), 0, 0, 0, Service.unprovisioned
    board = b"pico"


def test_a_registry_that_another_command_has_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(vault, "_LOCKED_FOR", 0.1)
    path = tmp_path / "r.json"
    with (tmp_path / "r.json.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RegistryError, match="another command has it"):
            provisioning._register(Vault(path), Hello(), "")
    given, *_ = provisioning._register(Vault(path), Hello(), "")
    assert list(json.loads(path.read_text())["dispensers"]) == [given.dispenser]


def test_a_registry_in_no_folder_changes_nothing(terminal, tmp_path, monkeypatch):
    monkeypatch.setattr(provisioning, "answered", lambda *_, **__: Hello())
    with pytest.raises(RegistryError, match=r"No such file.*nothing was changed"):
        provisioning.provision(Path(terminal), Vault(tmp_path / "no" / "r.json"))
