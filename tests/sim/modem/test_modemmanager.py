"""A second opinion: Debian's ModemManager takes the simulated modem for a modem, and connects.

It runs on a message bus of its own and is told of the modem's socket by its test interface; no
udev, no polkit, no root bus. Skipped where it is not installed.
"""

import asyncio
import contextlib
import dataclasses
import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.modem.driver import Sim
from gateway.modem.keeper import Keeper
from gateway.modem.manager import Manager as Backend
from gateway.modem.pin import PinGuard
from gateway.modem.rungs import Budgets, Rung
from gateway.modem.supervisor import Fault, Policy, Supervisor
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


class Host:
    """The gateway's host: the uplink's session stands as soon as packets pass."""

    def __init__(self, modem: Modem) -> None:
        self._modem = modem

    async def do(self, rung: Rung) -> bool:
        return True

    async def passes(self) -> bool | None:
        return self.connected()

    def connected(self) -> bool:
        return bool(self._modem.active)

    def heard(self) -> float | None:
        return None

    def elsewhere(self) -> bool:
        return False


def _backend(manager: Manager, modem: Modem, folder: Path) -> Backend:
    bus = manager._environment["DBUS_SESSION_BUS_ADDRESS"]
    environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus}
    sim, guard = Sim(modem.network.apn, 1, "2468"), PinGuard(folder / "pin")
    return Backend(Host(modem), sim, guard, environment=environment)


def _keeper(backend: Backend, folder: Path) -> Keeper:
    budgets = Budgets(folder / "budgets", time.time(), rules=())
    return Keeper(backend, Supervisor(Policy(), budgets, random.Random(1)), time.time)


needs_mmcli = pytest.mark.skipif(shutil.which("mmcli") is None, reason="not installed: mmcli")


@needs_mmcli
def test_the_gateways_backend_over_it_enables_and_connects(tmp_path: Path) -> None:
    async def scenario() -> None:
        modem = _modem("ec25")
        async with managed(tmp_path, modem, "quectel") as manager:
            await _found(manager)
            backend = _backend(manager, modem, tmp_path)
            keeper = _keeper(backend, tmp_path)
            async with asyncio.timeout(45):
                while not (modem.active and keeper.fault is Fault.NONE):
                    await keeper.once()
            facts = backend.facts
            assert (facts["port"], facts["model"]) == ("", modem.quirks.model)
            assert facts["imei"] == "490154203237518"
            assert modem.contexts[1] == ("IP", "iot.example")

    asyncio.run(scenario())


@pytest.mark.soak
@needs_mmcli
def test_the_gateways_backend_sends_no_pin_when_nobody_says_how_many_tries_are_left(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        modem = _modem("ec25")
        modem.card.pin = "2468"
        async with managed(tmp_path, modem, "quectel") as manager:
            path = await _found(manager)
            await manager.until(path, *_STATE, _LOCKED)
            keeper = _keeper(_backend(manager, modem, tmp_path), tmp_path)
            await keeper.once()
            assert keeper.fault is Fault.SIM_PIN and "how many tries" in keeper.alarm
            assert modem.pins_tried == []

    asyncio.run(scenario())


def test_without_modemmanager_the_backend_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        modem = Modem(lambda data: None)
        for words in (("/nonexistent/mmcli",), ("false",), ("echo", "[]")):
            backend = Backend(Host(modem), Sim(), PinGuard(tmp_path / "pin"), words)
            seen = await backend.look()
            assert not seen.present and backend.facts["port"]
            assert not await backend.perform(Rung.RESET) or words[0] == "echo"

    asyncio.run(scenario())
