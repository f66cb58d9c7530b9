"""The wheel in an environment that holds nothing else: what ships, what it needs, that it runs."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sim.certificates import make_pki
from tests.gateway.test_health import Systemd
from tests.support.chains import make_chain
from tests.support.gateway import GATEWAY, ROOT, SECRET, rig, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
PARTS = ("firmware", "gateway", "hardware", "protocol", "sim", "tools")
NEEDS = {"construct", "construct-typing", "msgspec", "paho-mqtt", "typing_extensions"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel built from a copy of the sources, so that no build folder is left in them."""
    source = tmp_path_factory.mktemp("source")
    for part in (*PARTS, "tests"):
        shutil.copytree(ROOT / part, source / part)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    out = tmp_path_factory.mktemp("dist")
    build = ["wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(out), str(source)]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True, capture_output=True)
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="module")
def empty(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the gateway and nothing else."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    _pip(folder, "install", "-q", "--only-binary", ":all:", f"{wheel}[gateway]")
    return folder


def _pip(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_in_the_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == set(PARTS)
    assert not [name for name in names if "__pycache__" in name]
    for part in PARTS:
        for file in (ROOT / part).rglob("*"):
            ships = file.suffix in (".py", ".toml", ".in", ".ksy") or file.name == "py.typed"
            if ships and "__pycache__" not in file.parts:
                assert str(file.relative_to(ROOT)) in names


def test_flash_compiles_the_firmware_that_ships(empty: Path) -> None:
    code = (
        "import sys, tempfile, pathlib; from tools.compile import FIRMWARE, digest, firmware;"
        "files = firmware(FIRMWARE, pathlib.Path(tempfile.mkdtemp()));"
        "print(FIRMWARE, {path: digest(content) for path, content in files.items()})"
    )
    (site,) = empty.glob("lib/python3*/site-packages")

    def compiled(where: Path) -> str:
        environ = os.environ | {"PYTHONPATH": str(where), "PYTHONSAFEPATH": "1"}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        folder, _, files = done.stdout.partition(" ")
        assert Path(folder) == where / "firmware"
        return files

    assert compiled(site) == compiled(ROOT)


def test_the_gateway_needs_only_its_own(empty: Path) -> None:
    found = {package["name"] for package in json.loads(_pip(empty, "list", "--format", "json"))}
    assert found == {"dosewire", *NEEDS}
    done = subprocess.run([empty / "bin/dosewire", "flash"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "dosewire[tools]" in done.stderr


def test_the_installed_gateway_checks_runs_and_ends(
    empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd = Systemd(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    command = str(empty / "bin/dosewire")

    async def scenario() -> None:
        (tmp_path / "pki").mkdir()
        async with rig(tmp_path, make_pki(tmp_path / "pki", [GATEWAY])) as r:
            one = r.dispenser(1, 9, make_chain(SECRET, bytes([1] * 8), 9, 40))
            words = ["--config", str(r.config())]
            check = [command, "gateway", "check", *words]
            done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, "")
            r.process = await asyncio.create_subprocess_exec(
                command, "gateway", "run", *words, cwd=tmp_path, stderr=r.log.open("wb")
            )
            await until(lambda: systemd.heard("READY=1"))
            await until(lambda: r.stored(one))
            assert await r.end_gateway() == 0

    asyncio.run(scenario())
