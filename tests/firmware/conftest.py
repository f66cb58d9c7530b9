"""The dispenser's modules under CPython and under the real MicroPython."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from tests.firmware import rig
from tests.support import micropython

DEVICE = Path(__file__).parent / "device"


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """One of the two that every device script runs under."""

    name: str

    def command(self, script: str, *arguments: str) -> list[str]:
        path = str(DEVICE / script)
        if self.name == "cpython":
            return [sys.executable, "-S", path, *arguments]
        micro = str(Path(sys.executable).parent / "micropython")
        return [micro, "-X", "heapsize=4M", path, *arguments]

    def environment(self) -> dict[str, str]:
        if self.name == "micropython":
            return {"MICROPYPATH": f"{micropython.FIRMWARE}:.frozen"}
        return {"PYTHONPATH": f"{micropython.FIRMWARE}:{DEVICE / 'shim'}"}

    def run(self, script: str, *arguments: str, given: str = "", limit: int = 50) -> str:
        """Return what a script printed. Raises AssertionError with all its output if it failed."""
        result = subprocess.run(
            self.command(script, *arguments),
            input=given,
            capture_output=True,
            text=True,
            timeout=limit,
            env=self.environment(),
        )
        assert result.returncode == 0, result.stdout[-2000:] + result.stderr
        return result.stdout


@pytest.fixture(scope="module", params=["cpython", "micropython"])
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    return Interpreter(request.param)


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a board with the firmware installed, not provisioned."""
    folder = tmp_path_factory.mktemp("board")
    rig.make_image(tmp_path_factory.mktemp("build"), folder)
    return folder


@pytest.fixture(scope="session")
def provisioned(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = rig.copy(image, tmp_path_factory.mktemp("provisioned"))
    rig.make_provisioned(folder)
    return folder
