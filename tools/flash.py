"""Puts the firmware on a dispenser, sees that every byte is there, and that it starts."""

import asyncio
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from protocol.schema import Hello
from sim.hello import NoAnswerError, ask
from tools.compile import SLOT, File, firmware
from tools.prompt import Prompt

STARTS_WITHIN = 20.0
"""Seconds from reset to the app's first answer."""
_RUN_AGAIN = "check cable and power, then run this again"
# files of an earlier version would be imported in place of ones that are gone
_STALE = f"""
import os
def walk(path):
    for entry in os.ilistdir(path):
        name = path + '/' + entry[0]
        if entry[1] & 0x4000:
            walk(name)
        elif name not in keep:
            os.remove(name)
try:
    walk('{SLOT}')
except OSError as error:
    if error.errno != 2:
        raise
"""


class FlashError(RuntimeError):
    """The dispenser does not hold or does not start what it should; one line."""


def flash(
    port: Path, source: Path, begin: Callable[[int], None], progress: Callable[[int], None]
) -> Hello:
    """Compile, copy, verify, restart; return the HELLO of the app that then runs.

    `begin` gets the bytes to copy, `progress` those that have arrived. Raises CompileError,
    PortError or FlashError.
    """
    with tempfile.TemporaryDirectory(prefix="dosewire-") as scratch:
        files = firmware(source, Path(scratch))
    begin(sum(len(file.content) for file in files))
    with Prompt(port) as prompt:
        _copy(prompt, files, progress)
        _verify(prompt, files)
        prompt.reset()
    return restarted(port)


def restarted(port: Path) -> Hello:
    """Return the HELLO of a dispenser that has just been reset; raises FlashError."""
    try:
        return asyncio.run(ask(port, STARTS_WITHIN))
    except NoAnswerError as error:
        raise FlashError(f"the firmware does not start: {error}; {_RUN_AGAIN}") from error


def _copy(prompt: Prompt, files: Iterable[File], progress: Callable[[int], None]) -> None:
    paths = [file.path for file in files]
    folders = {str(parent) for path in paths for parent in PurePosixPath(path).parents} - {"/"}
    prompt.run(f"import os\nfor path in {_NOT_YET!r}:\n{_REMOVE}")
    prompt.run(f"for path in {sorted(folders)!r}:\n{_MAKE}")
    prompt.run(f"keep = {set(paths)!r}\n{_STALE}")
    for file in files:
        prompt.write(file.path, file.content, progress)


# a copy that is cut short must not start as a mixture; without /slot the board takes slot a
_NOT_YET = ("/main.py", "/slot")
_REMOVE = """
    try:
        os.remove(path)
    except OSError as error:
        if error.errno != 2:
            raise
"""
_MAKE = """
    try:
        os.mkdir(path)
    except OSError as error:
        if error.errno != 17:
            raise
"""


def _verify(prompt: Prompt, files: Iterable[File]) -> None:
    for file in files:
        if prompt.sha256(file.path) != file.sha256:
            raise FlashError(
                f"{file.path}: the board reads other bytes than were written: run this again, "
                "and take the board out of service if it says so again"
            )
