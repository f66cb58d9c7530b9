"""The daemon with a simulated modem on a terminal: kept connected, told of, and never told on."""

import asyncio
import contextlib
import dataclasses
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway import status
from sim.certificates import Pki
from sim.modem.pty import ModemPort
from tests.support.gateway import ROOT, Rig, rig, until

PRIVATE = ("iccid", "imei", "cell", "area")


@contextlib.asynccontextmanager
async def modem(folder: Path) -> AsyncIterator[ModemPort]:
    """A modem that starts and attaches in a moment."""
    port = ModemPort(folder / "modem")
    port.modem.quirks = dataclasses.replace(port.modem.quirks, boot_s=0.4, boot=())
    port.modem.network.attach_s = 0.2
    port.modem.network.activate_s = 0.1
    port.modem.power_on()
    try:
        # the first look is before the uplink's connection, which goes over loopback and would
        # prove the modem's health: it must find a network, and no data session
        await until(lambda: port.modem.registered)
        yield port
    finally:
        port.close()


def _configure(r: Rig, text: str) -> Path:
    """Give the rig's configuration a [modem] table, whenever it is written."""
    plain = r.config

    def config(profile: str = "prompt", **uplink: object) -> Path:
        path = plain(profile, **uplink)
        path.write_text(path.read_text() + f"[modem]\n{text}")
        return path

    r.config = config  # type: ignore[method-assign]
    return config()


def _state(r: Rig) -> dict[str, Any]:
    try:
        return status.ask(r.folder / "data")
    except (status.NoDaemonError, OSError):
        return {}


async def _dosewire(*words: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.main", "modem", *words),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    return await process.wait(), out.decode(), err.decode()


async def _found(r: Rig, part: str, works: bool | None, text: str) -> dict[str, Any]:
    end = asyncio.get_running_loop().time() + 30
    while True:
        found = (await asyncio.to_thread(_state, r)).get("findings", [])
        for one in found:
            if one["part"] == part and one["works"] is works and text in one["text"]:
                return dict(one)
        assert asyncio.get_running_loop().time() < end, found
        await asyncio.sleep(0.05)


def test_kept_connected_and_told_of(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r, modem(tmp_path) as port:
            way = f'port = "{tmp_path / "modem"}"\ninterface = "lo"\n'
            path = _configure(r, f'apn = "iot.example"\n{way}')
            await r.run_gateway()
            found = await _found(r, "modem", True, "works")
            assert "EC25" in found["detail"] and "dBm" in found["detail"]
            assert port.modem.contexts[1] == ("IP", "iot.example") and port.modem.active == {1}
            state = await asyncio.to_thread(_state, r)
            assert state["modem"]["iccid"] == port.modem.card.iccid
            assert state["modem"]["imei"] == "490154203237518"
            assert state["modem"]["cell"] == 0x01A2B3C4
            assert {g["name"]: g["value"] for g in state["gauges"]}["modem_works"] == 1
            code, out, err = await _dosewire("status", "--config", str(path))
            assert (code, err) == (1, ""), "loopback leads nowhere"
            assert port.modem.card.iccid in out and "LTE" in out
            await _found(r, "interface lo", False, "no route leads out")
            await _found(r, "uplink", True, "connected")
            assert not state["modem"]["other_uplink"]
            # the next connection tells what is known of the modem by then
            await r.broker.stop()
            await r.broker.start()
            await until(lambda: r.backend.states and "technology" in str(r.backend.states[-1]))
            told = r.backend.states[-1]
            assert told == {"online": True, "modem": {"technology": "LTE", "signal_dbm": -97.0}}
            looks = ("supervise", "--dry-run", "--looks", "1", "--config", str(path))
            code, out, _ = await _dosewire(*looks)
            assert code == 1 and "held by another program" in out and "would do" not in out
            await r.end_gateway()
            code, _, err = await _dosewire("status", "--config", str(path))
            assert code == 3 and "does not run" in err
            code, out, _ = await _dosewire(*looks)
            assert "held" not in out and "would do" not in out, "the modem works, whoever asks"
            _nowhere_else(r, port)

    asyncio.run(scenario())


def _nowhere_else(r: Rig, port: ModemPort) -> None:
    """Numbers of SIM, module and cell are neither published nor logged."""
    secret = (port.modem.card.iccid, "490154203237518", str(0x01A2B3C4), "01A2B3C4", "1F0A")
    for text in (json.dumps(r.backend.states), r.log.read_text()):
        assert not [one for one in secret if one in text]


def test_bound_to_its_interface_or_another_way_if_allowed(tmp_path: Path, pki: Pki) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, pki) as r, modem(tmp_path):
            # an interface of that name there is none: nothing may go out, unless allowed
            none = f'port = "{tmp_path / "modem"}"\ninterface = "wwan99"\n'
            _configure(r, none)
            await r.run_gateway()
            await _found(r, "interface wwan99", False, "is not there")
            await _found(r, "uplink", False, "not connected")
            assert not r.backend.states
            await r.end_gateway()
            (tmp_path / "gateway.toml").unlink()
            r.config = type(r).config.__get__(r)  # type: ignore[method-assign]
            _configure(r, none + "other_uplink = true\n")
            await r.run_gateway()
            await _found(r, "uplink", True, "connected")
            await _found(r, "way", None, "another way than the modem")
            await until(lambda: r.backend.states[-1:] and r.backend.states[-1].get("modem"))
            assert r.backend.states[-1]["modem"]["other_uplink"] is True
            await r.end_gateway()
            assert r.counters()["other_uplinks"] >= 1

    asyncio.run(scenario())


def test_a_gateway_without_a_modem_loads_nothing_of_it(tmp_path: Path, pki: Pki) -> None:
    own = pki.gateways["gw-1"]
    keys = f'host = "h"\nport = 1\nca = "{pki.ca}"\ncert = "{own.cert}"\nkey = "{own.key}"\n'
    path = tmp_path / "gateway.toml"
    path.write_text(f'[gateway]\nid = "gw-1"\ndata = "{tmp_path}"\n[uplink]\n{keys}')
    code = (
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from gateway import config, credentials, daemon\n"
        "from gateway.clock import Clock\nfrom gateway.notify import Notifier\n"
        f"settings = config.load(Path({str(path)!r}))\n"
        "async def main():\n"
        "    tls = credentials.tls_context(settings)\n"
        "    gateway = daemon.Gateway(settings, tls, Clock(), Notifier({}))\n"
        "    stop = asyncio.Event()\n    asyncio.get_running_loop().call_later(0.3, stop.set)\n"
        "    await gateway.run(stop)\n"
        "asyncio.run(main())\n"
        "print([name for name in sys.modules if name.startswith('gateway.modem')])\n"
    )
    loaded = _python(code)
    assert loaded == "[]"
    path.write_text(path.read_text() + "[modem]\n")
    assert "gateway.modem.supervisor" in _python(code)


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('apn = "a\\"b"', "modem.apn"),
        ('pin = "12"', "modem.pin"),
        ('port = "ttyUSB2"', "modem.port: 'ttyUSB2' must be an absolute path"),
        ("other_uplink = true", "modem.other_uplink: needs modem.interface"),
        ('power = ["uhubctl"]', "modem.power: 'uhubctl' must be the absolute path"),
        ('witness = ["ns.example"]', "modem.witness"),
        ('interface = "../etc"', "modem.interface"),
        ("color = 1", "unknown key `color`"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, pki: Pki, text: str, says: str) -> None:
    own = pki.gateways["gw-1"]
    keys = f'host = "h"\nport = 1\nca = "{pki.ca}"\ncert = "{own.cert}"\nkey = "{own.key}"\n'
    path = tmp_path / "gateway.toml"
    head = f'[gateway]\nid = "gw-1"\ndata = "{tmp_path}"\n[uplink]\n{keys}[modem]\n'
    path.write_text(head + text + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "check", "--config", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(str(path)) and says in done.stderr, done.stderr
