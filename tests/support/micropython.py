"""Runs a script under the real MicroPython, with the dispenser's modules on its path."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FIRMWARE = ROOT / "firmware"
_LIMIT_S = 120


def run(
    script: Path,
    *arguments: str,
    heap: str = "4M",
    limit: int = _LIMIT_S,
    extra: Path = FIRMWARE,
) -> str:
    """Return what the script printed; `extra` is one more folder of modules.

    Raises AssertionError with all its output if it failed.
    """
    command = [str(Path(sys.executable).parent / "micropython"), "-X", f"heapsize={heap}"]
    result = subprocess.run(
        [*command, str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=limit,
        env={"MICROPYPATH": f"{FIRMWARE}:{FIRMWARE / 'dispenser'}:{extra}:.frozen"},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
