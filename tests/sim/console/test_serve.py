"""How the console begins: its address is told, a browser is opened where there is a display."""

import asyncio
import socket
import sys

import pytest
from typer.testing import CliRunner

from sim import cli
from sim.console import serve


@pytest.mark.parametrize(
    ("platform", "environment", "there"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
    ],
)
def test_a_display_is_known_by_its_variables(monkeypatch, platform, environment, there):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert serve.has_display() is there


class _EndError(Exception):
    pass


@pytest.mark.parametrize("display", [True, False])
def test_the_address_is_told_and_opened_where_there_is_a_display(monkeypatch, tmp_path, display):
    opened, told = [], []

    async def flashed(_cache):
        raise _EndError

    monkeypatch.setenv(serve.WATCHED, "")  # what it sets ends with the test
    monkeypatch.setattr(serve, "has_display", lambda: display)
    monkeypatch.setattr(serve.webbrowser, "open", opened.append)
    monkeypatch.setattr(serve.factory, "flashed", flashed)
    wanted = serve.Wanted(lambda: tmp_path / "run", tmp_path, 1, 1, 1, virtual=False)
    with pytest.raises(_EndError):
        asyncio.run(serve.console(wanted, 0, True, told.append))
    (address,) = (line.removeprefix("console: ") for line in told)
    assert address.startswith("http://127.0.0.1:")
    assert opened == ([address] if display else [])


def test_a_taken_port_is_told_with_what_to_do(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = ["console", "--port", str(port), "--no-show", "--runs", str(tmp_path)]
        done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 2
    assert f"port {port} is taken" in done.output and "--port 0" in done.output


def test_runs_that_cannot_be_kept_are_told_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    words = ["console", "--no-show", "--runs", str(tmp_path / "file")]
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 2
    assert "dosewire sim console: --runs" in done.output
