"""A release as `dosewire release build` makes it, from its signed manifest to the other slot."""

from pathlib import Path
from typing import Any

from gateway.transfer import Outcome, Transfer
from protocol import schema, wire
from protocol.commands import Signer
from tests.firmware.releasing import ID, SECRET, Device
from tests.support import releases
from tests.support.micropython import FIRMWARE
from tools import release


def test_the_release_that_the_tools_build_is_taken(interpreter: Any, tmp_path: Path) -> None:
    built = release.build(FIRMWARE, ["pico", "pico2"], releases.KEY)
    contents = [built.signed, *(built.files[file.path] for file in built.manifest.files)]
    signer = Signer(SECRET, ID)
    begin = signer.release_begin(built.manifest.version, len(built.files), built.signed)
    transfer = Transfer(wire.build(begin), contents)
    device = Device(interpreter, tmp_path, "0.0.9")
    try:
        while (message := transfer.due(0.0)) is not None:
            transfer.take(wire.build(device.ask(*message)), 0.0)
        assert transfer.outcome is None and device.pointer() == "b"
        expected = {p: c for p, c in built.files.items() if p not in ("boot.py", "main.py")}
        assert device.slot() == {**expected, "manifest.json": built.signed}
    finally:
        device.close()
    running = schema.Hello(
        ID, b"pico", *built.manifest.version, 1, schema.Service.ok, 1, 1, 0, 1, bytes(8), 0, 0,
        schema.Quality.rtc, 0,
    )  # fmt: skip
    transfer.greeted(running)
    assert transfer.outcome is Outcome.installed
