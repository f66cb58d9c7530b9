"""`status`, `spool` and `doctor` against the gateway as the process it is."""

import asyncio
import dataclasses
import datetime
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway import certificates, config, credentials, doctor, findings, note, status
from gateway.findings import Finding
from sim.broker import Broker
from sim.certificates import Pki, make_pki
from tests.support.chains import make_chain
from tests.support.gateway import GATEWAY, ROOT, SECRET, Rig, rig, until

EPOCH = 4711


async def gateway(*words: str) -> tuple[int, str, str]:
    """Run a command beside the daemon."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.cli", *words),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    return await process.wait(), out.decode(), err.decode()


def _state(r: Rig) -> dict[str, Any]:
    try:
        return status.ask(r.folder / "data")
    except (status.NoDaemonError, OSError):
        return {"works": None, "findings": []}


def _part(state: dict[str, Any], part: str) -> dict[str, Any]:
    found = [finding for finding in state["findings"] if finding["part"].startswith(part)]
    return found[0] if found else {"works": None, "text": "", "detail": ""}


async def _asked(r: Rig, part: str, works: bool, text: str = "") -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + 15
    while True:
        # in a thread: the scripted dispensers live on this loop
        found = _part(await asyncio.to_thread(_state, r), part)
        if found["works"] is works and text in found["text"]:
            return
        assert loop.time() < end, found


def test_a_day_of_a_gateway(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            chain = make_chain(SECRET, bytes([1] * 8), EPOCH, 30)
            one = r.dispenser(1, EPOCH, chain)
            path = str(r.config())
            code, _, err = await gateway("status", "--config", path)
            assert code == 3
            never = "gateway gw-1: does not run: it ended in order, or was never started; see"
            assert err.startswith(f"{never} `systemctl status ") and err.count("\n") == 1
            await r.run_gateway()
            await until(lambda: r.stored(one))
            # at once: it tells how it is now, not how it was when it looked last
            code, out, err = await gateway("status", "--config", path)
            assert (code, err) == (0, ""), out
            assert f"reads dispenser {one.id}" in out
            assert out.startswith("gateway gw-1: all works (runs for ")
            assert "read to seq 30" in out
            code, _, err = await gateway("run", "--config", path)
            assert code == 2 and err.count("\n") == 1, err
            assert "in use by another gateway" in err

            one.unplug()
            await r.broker.stop()
            await _asked(r, "uplink", False, "not connected")
            await _asked(r, "port", False)
            code, out, err = await gateway("status", "--config", path, "--json")
            state = json.loads(out)
            assert (code, state["works"], state["counters"]["sessions"]) == (1, False, 1)
            assert all(f["remedy"] for f in state["findings"] if f["works"] is False)
            await _spool_command(r, path)
            await r.end_gateway(signal.SIGKILL)
            code, _, err = await gateway("status", "--config", path)
            assert code == 3
            assert err.startswith("gateway gw-1: does not run: it ended without saying so; see ")
            await r.run_gateway()
            await _asked(r, "spool", True)
            await r.end_gateway()
            assert not (r.folder / "data" / "status.sock").exists()

    asyncio.run(scenario())


async def _spool_command(r: Rig, path: str) -> None:
    code, out, _ = await gateway("spool", "--config", path, "--json")
    (epoch,) = json.loads(out)["epochs"]
    wanted = {"epoch": EPOCH, "records": 30, "first": 0, "last": 29, "missing": 0, "forked": 0}
    assert code == 0
    assert wanted.items() <= epoch.items()
    assert (epoch["read_to"], epoch["stored_to"], epoch["unconfirmed"]) == (30, 30, 0)
    assert epoch["bytes"] == sum(len(raw) for raw in r.dispensers[0].records)
    code, out, _ = await gateway("spool", "--config", path)
    assert (code, out.count("dispenser ")) == (0, 1)
    assert "30 records, seq 0 to 29" in out


def test_a_daemon_that_hangs_is_told_from_a_dead_one(
    tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.status._WITHIN", 0.3)

    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            r.dispenser(1, EPOCH, [])
            await r.run_gateway()
            await _asked(r, "uplink", True)
            assert r.process is not None
            r.process.send_signal(signal.SIGSTOP)
            with pytest.raises(status.NoDaemonError, match="hangs"):
                await asyncio.to_thread(status.ask, r.folder / "data")

    asyncio.run(scenario())


def test_a_long_path_and_what_is_no_daemon(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    with pytest.raises(status.NoDaemonError, match="never started"):
        status.ask(folder)

    async def scenario() -> None:
        for _ in range(2):  # the second takes over from one that died
            server = status.Server(folder, lambda: {"x": 1})
            await server.start()
            assert await asyncio.to_thread(status.ask, folder) == {"x": 1}
        await server.close()

    asyncio.run(scenario())


def test_the_note_says_what_to_do_first() -> None:
    bad = Finding("uplink", False, "not connected", "call somebody", "cable cut")
    good = Finding("spool", True, "takes records")
    facts = [f._asdict() | {"for_seconds": 90_061} for f in (good, bad)]
    text = note.write(
        {"gateway": "g", "up_seconds": 59, "version": "1", "findings": facts, "works": False}
    )
    assert text.splitlines() == [
        "gateway g: one thing to look at (runs for 59 s, version 1)",
        "does not work:",
        "  uplink  not connected: cable cut (for 1 d 1 h)",
        "          -> call somebody",
        "works:",
        "  spool   takes records (for 1 d 1 h)",
    ]


# ---- doctor -------------------------------------------------------------------------------------


def _settings(folder: Path, pki: Pki, port: int, name: str = GATEWAY) -> config.Config:
    own = pki.gateways[name]
    path = folder / "g.toml"
    path.write_text(
        f'[gateway]\nid = "{GATEWAY}"\ndata = "{folder}"\n[discovery]\nusb = ["0000:0000"]\n'
        f'[uplink]\nhost = "127.0.0.1"\nport = {port}\nca = "{pki.ca}"\ncert = "{own.cert}"\n'
        f'key = "{own.key}"\n'
    )
    return config.load(path)


def _broker(folder: Path, pki: Pki, port: int) -> Finding:
    settings = _settings(folder, pki, port)
    return doctor.broker(settings, credentials.tls_context(settings), within=2.0)


def test_doctor_names_the_step_that_fails(tmp_path: Path, pki: Pki) -> None:
    (tmp_path / "other").mkdir()
    other = make_pki(tmp_path / "other", [GATEWAY])

    async def scenario() -> None:
        broker = Broker(tmp_path, pki)
        await broker.start()
        try:
            good = await asyncio.to_thread(_broker, tmp_path, pki, broker.port)
            assert good.works, good
            distrusted = await asyncio.to_thread(_broker, tmp_path, other, broker.port)
            assert distrusted.works is False and "do not trust" in distrusted.text
            # trusts the broker, shows a certificate of somebody else's
            mixed = dataclasses.replace(pki, gateways=other.gateways)
            refused = await asyncio.to_thread(_broker, tmp_path, mixed, broker.port)
            assert refused.works is False and "refuses our certificate" in refused.text
        finally:
            await broker.stop()
        closed = await asyncio.to_thread(_broker, tmp_path, pki, broker.port)
        assert "no TCP connection" in closed.text

    asyncio.run(scenario())


def test_doctor_on_a_port_that_speaks_something_else(tmp_path: Path, pki: Pki) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pid = os.fork()
        if pid == 0:
            line, _ = listener.accept()
            line.sendall(b"SSH-2.0-OpenSSH\r\n")
            line.recv(1000)
            os._exit(0)
        found = _broker(tmp_path, pki, listener.getsockname()[1])
        os.waitpid(pid, 0)
    assert found.works is False and "no TLS" in found.text


def test_doctor_is_interrupted_in_one_line(tmp_path: Path, pki: Pki) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = tmp_path / "g.toml"
        own = pki.gateways[GATEWAY]
        path.write_text(
            f'[gateway]\nid = "{GATEWAY}"\ndata = "{tmp_path}"\n[[dispenser]]\nport = "/x"\n'
            f'[uplink]\nhost = "127.0.0.1"\nport = {silent.getsockname()[1]}\n'
            f'ca = "{pki.ca}"\ncert = "{own.cert}"\nkey = "{own.key}"\n'
        )
        command = [sys.executable, "-m", "gateway.cli", "doctor", "--config", str(path)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as doctor_:
            line, _ = silent.accept()  # it is in the middle of its handshake now
            with line:
                line.recv(1)
                doctor_.send_signal(signal.SIGINT)
                assert doctor_.communicate(timeout=30)[1] == "interrupted\n"
            assert doctor_.returncode == 130


def test_doctor_does_not_disturb_the_daemon(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r:
            r.dispenser(1, EPOCH, [])
            await r.run_gateway()
            await _asked(r, "uplink", True)
            path = str(r.folder / "gateway.toml")
            code, out, err = await gateway("doctor", "--config", path)
            assert (code, err) == (0, ""), out
            for part in ("certificate cert", "clock", "disk", "port", "broker", "daemon"):
                assert part in out
            await r.end_gateway()
            assert r.counters()["connects"] == 1, "thrown off by the doctor"
            assert r.counters()["port_opened"] == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("days", "works", "text"),
    [
        (0, True, "valid"),
        (380, False, "expires soon"),
        (400, False, "expired"),
        (-30, False, "not valid yet"),
    ],
)
def test_certificates_by_their_dates(pki: Pki, days: int, works: bool, text: str) -> None:
    at = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)).timestamp()
    found = findings.certificate(pki.gateways[GATEWAY].cert, "cert", GATEWAY, at)
    assert (found.works, text in found.text) == (works, True), found


def test_certificates_by_their_names(tmp_path: Path, pki: Pki) -> None:
    own = pki.gateways[GATEWAY].cert
    assert certificates.read(own).name == GATEWAY
    assert "not of 'gw-2'" in findings.certificate(own, "cert", "gw-2", 0).text
    (tmp_path / "x.pem").write_text("nothing")
    for path in (tmp_path / "x.pem", tmp_path / "none.pem", pki.gateways[GATEWAY].key):
        with pytest.raises(ValueError, match="no certificate"):
            certificates.read(path)
