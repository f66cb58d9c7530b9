"""A second opinion: Debian's ModemManager takes the simulated modem for a modem, and connects.

It runs on a message bus of its own and is told of the modem's socket by its test interface; no
udev, no polkit, no root bus. Skipped where it is not installed.
"""

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sim.modem.modem import Modem

_SEARCHED = os.environ.get("PATH", "") + ":/usr/sbin"
_PROGRAMS = {
    name: shutil.which(name, path=_SEARCHED) for name in ("ModemManager", "dbus-daemon", "gdbus")
}
_PLUGINS = next(iter(Path("/usr/lib").glob("*/ModemManager")), None)
_MISSING = [name for name, found in _PROGRAMS.items() if found is None]
pytestmark = pytest.mark.skipif(
    bool(_MISSING) or _PLUGINS is None, reason=f"not installed: {', '.join(_MISSING) or 'plugins'}"
)
_BUS = "org.freedesktop.ModemManager1"
_ROOT = "/org/freedesktop/ModemManager1"
_CONNECTED = "(<11>,)"  # MM_MODEM_STATE_CONNECTED
_LOCKED = "(<2>,)"  # MM_MODEM_STATE_LOCKED


class Manager:
    """ModemManager on its own bus, and the modem behind a socket."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.asked = bytearray()
        self._environment = environment

    async def call(self, path: str, method: str, *arguments: str) -> tuple[int | None, str]:
        words = ("call", "--session", "--dest", _BUS, "--object-path", path, "--method", method)
        process = await asyncio.create_subprocess_exec(
            *(str(_PROGRAMS["gdbus"]), *words, *arguments),
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        async with asyncio.timeout(45):
            out, _ = await process.communicate()
        return process.returncode, out.decode().strip()

    async def until(self, path: str, method: str, arguments: tuple[str, ...], text: str) -> str:
        """Call again and again until the answer holds a text."""
        end = asyncio.get_running_loop().time() + 45
        while True:
            _, told = await self.call(path, method, *arguments)
            if text in told:
                return told
            assert asyncio.get_running_loop().time() < end, told
            await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def managed(folder: Path, modem: Modem, plugin: str) -> AsyncIterator[Manager]:
    socket = f"abstract:dosewire-{os.getpid()}-{folder.name}"
    bus = await asyncio.create_subprocess_exec(
        *(str(_PROGRAMS["dbus-daemon"]), "--session", "--nofork", "--print-address=1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert bus.stdout is not None
    address = (await bus.stdout.readline()).decode().strip()
    made = Manager({**os.environ, "DBUS_SESSION_BUS_ADDRESS": address})
    writers: list[asyncio.StreamWriter] = []
    modem._out = lambda data: [writer.write(data) for writer in writers[-1:]]  # type: ignore[assignment]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while data := await reader.read(4096):
            made.asked.extend(data)
            modem.feed(data)
        writers.remove(writer)
        writer.close()

    # an abstract socket, as its test interface takes them
    server = await asyncio.start_unix_server(serve, "\0" + socket)
    tests = ["--test-session", "--test-enable", "--test-no-udev", "--no-auto-scan"]
    tests += ["--test-no-suspend-resume", "--test-no-qrtr"]
    with (folder / "manager.log").open("wb") as log:
        manager = await asyncio.create_subprocess_exec(
            *(str(_PROGRAMS["ModemManager"]), *tests, f"--test-plugin-dir={_PLUGINS}"),
            env=made._environment,
            stdout=log,
            stderr=log,
        )
    try:
        method = f"{_BUS}.Test.SetProfile"
        await made.until(_ROOT, method, ("sim", plugin, json.dumps([socket])), "()")
        yield made
    finally:
        for process in (manager, bus):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        server.close()
        modem.power_off()


def _modem(kind: str) -> Modem:
    modem = Modem(lambda data: None, kind)
    modem.quirks = dataclasses.replace(modem.quirks, boot_s=0.2, boot=())
    modem.network.attach_s = 0.1
    modem.power_on()
    return modem


async def _found(manager: Manager) -> str:
    method = "org.freedesktop.DBus.ObjectManager.GetManagedObjects"
    await manager.until(_ROOT, method, (), f"{_ROOT}/Modem/")
    return f"{_ROOT}/Modem/0"


_STATE = ("org.freedesktop.DBus.Properties.Get", (f"{_BUS}.Modem", "State"))


@pytest.mark.parametrize(
    ("kind", "plugin"),
    [pytest.param("generic", "generic", marks=pytest.mark.soak), ("ec25", "quectel")],
)
def test_it_is_a_modem_and_connects(tmp_path: Path, kind: str, plugin: str) -> None:
    async def scenario() -> None:
        modem = _modem(kind)
        async with managed(tmp_path, modem, plugin) as manager:
            path = await _found(manager)
            connect = f"{_BUS}.Modem.Simple.Connect"
            told = await manager.until(path, connect, ("{'apn': <'iot.example'>}",), "Bearer/")
            assert told.startswith("(objectpath")
            assert (await manager.call(path, _STATE[0], *_STATE[1]))[1] == _CONNECTED
            model = await manager.call(path, _STATE[0], f"{_BUS}.Modem", "Model")
            assert modem.quirks.model in model[1]
            assert modem.active == {1} and modem.contexts[1][1] == "iot.example"
            asked = manager.asked.decode("latin-1")
            assert "+CGDCONT" in asked and "ATD*99" in asked

    asyncio.run(scenario())


def test_a_locked_sim_is_seen_as_locked(tmp_path: Path) -> None:
    async def scenario() -> None:
        modem = _modem("ec25")
        modem.card.pin = "2468"
        async with managed(tmp_path, modem, "quectel") as manager:
            path = await _found(manager)
            await manager.until(path, *_STATE, _LOCKED)
            code, told = await manager.call(
                path, f"{_BUS}.Modem.Simple.Connect", "{'apn': <'iot.example'>}"
            )
            assert code != 0 and "nauthorized" in told
            assert modem.pins_tried == []

    asyncio.run(scenario())
